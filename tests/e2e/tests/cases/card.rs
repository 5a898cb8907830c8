//! The cards of the calls, and what else makes a call noticed.

use anyhow::{Context, Result, ensure};
use thirtyfour::{Key, WebElement};
use trubka_e2e::{BrowserKind, CrmPage, Options, SETTINGS, Stage, User, until};

use super::CLIENT;

/// The number that two contacts of the sandbox's CRM share.
const SHARED: &str = "74990000002";

/// Left, upper, right and lower edge of the cards in their window, and the window's own width and height.
#[derive(Clone, Copy, Debug)]
struct Berth {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
    width: f64,
    height: f64,
}

pub async fn what_is_done_to_it_in_one_tab_holds_in_all(stage: &Stage) -> Result<()> {
    let one = stage.connected_crm().await?;
    let call = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
    one.card_that("rings", |card| card.contains("Петров Иван Иванович")).await?;
    let other = stage.crm("").await?;
    other.card_that("rings", |card| card.contains("Петров Иван Иванович")).await?;

    let card = format!("{}: Петров Иван Иванович", stage.message("card_direction_inbound")?);
    let [copy, hang_up, contact] = ["card_copy", "hangUp", "card_link_contact"].map(|key| stage.message(key));
    heard(stage, &[&card, copy?, hang_up?, contact?]).await?;
    other.on_card(".copy").await?.click().await?;
    let field = field(stage, &other, "left: 20px; top: 20px").await?;
    field.click().await?;
    field.send_keys(Key::Control + "v").await?;
    let pasted: String = stage.browser.script("return arguments[0].value", vec![field.to_json()?]).await?;
    ensure!(pasted == "+7 945 123-54-89", "{pasted:?} was copied");

    other.on_card(".fold").await?.click().await?;
    for tab in [&other, &one] {
        tab.show().await?;
        folded(tab, 1).await?;
    }
    let before = berth(&one).await?;
    ensure!(before.right >= before.width - 1.0 && before.bottom >= before.height - 1.0, "it stands at {before:?}");
    // By the keyboard one way, by the pointer the other.
    keys_on(stage, &one, ".grip", Key::Enter).await?;
    for tab in [&one, &other] {
        tab.show().await?;
        stands(tab, "to the left", |at| at.left <= 1.0 && at.bottom >= at.height - 1.0).await?;
    }
    let header = other.on_card("header").await?;
    let chain = stage.browser.web().action_chain();
    chain.move_to_element_center(&header).click_and_hold().move_by_offset(40, -300).release().perform().await?;
    for tab in [&other, &one] {
        tab.show().await?;
        stands(tab, "where it was dragged", |at| (20.0..=60.0).contains(&at.left) && at.bottom < at.height - 250.0)
            .await?;
    }
    stage.control.answer(&call).await?;
    let talking = stage.message("card_talking")?;
    one.on_card(".fold").await?.click().await?;
    one.card_that("talks", |card| card.contains(talking)).await?;
    one.on_card(".close").await?.click().await?;
    for tab in [&one, &other] {
        tab.show().await?;
        tab.card_that("is gone", str::is_empty).await?;
    }
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await?;
    one.card_that("stays gone", str::is_empty).await.map(drop)
}

pub async fn keeps_out_of_the_way_of_who_writes(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    let field = field(stage, &crm, "right: 30px; bottom: 60px").await?;
    field.click().await?;
    field.send_keys("Это").await?;
    let call = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
    crm.card_that("rings", |card| card.contains("Петров Иван Иванович")).await?;
    let area: Vec<f64> = stage
        .browser
        .script("const { left, top, right, bottom } = arguments[0].getBoundingClientRect(); return [left, top, right, bottom]", vec![
            field.to_json()?,
        ])
        .await?;
    let [left, top, right, bottom] = area.as_slice() else { anyhow::bail!("no area") };
    let is_clear = |at: Berth| at.right <= *left || at.left >= *right || at.bottom <= *top || at.top >= *bottom;
    stands(&crm, "clear of the field", is_clear).await?;
    field_says(stage, &field, "Это").await?;
    // Typed without a click: the focus is where it was.
    stage.browser.web().action_chain().send_keys(" важно").perform().await?;
    field_says(stage, &field, "Это важно").await?;

    // From the keyboard alone: into the card, away with it by Escape, and back where one was.
    keys_on(stage, &crm, ".close", Key::Escape).await?;
    crm.card_that("is gone", str::is_empty).await?;
    let is_back: bool =
        stage.browser.script("return document.activeElement === arguments[0]", vec![field.to_json()?]).await?;
    ensure!(is_back, "the focus is lost");
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await.map(drop)
}

pub async fn ten_calls_and_names_of_all_kinds_stay_usable(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    let long = "Длинное имя ".repeat(25);
    let hostile = [
        "<img src=x onerror=\"document.documentElement.dataset.hurt = 1\"><b>Жирный</b>",
        "\u{202e}илатипаК \u{202a}Смит \u{2067}عمر",
        "👩‍👩‍👧‍👦 🏳️‍🌈 Ольга 🎉",
        &"Ф".repeat(300),
        long.trim_end(),
    ];
    for (index, name) in hostile.iter().enumerate() {
        stage.control.incoming_from(&format!("7495000000{index}"), &[name]).await?;
    }
    for index in 5..9 {
        stage.control.incoming(Some(&format!("7495000000{index}")), "001").await?;
    }
    let shared = stage.control.incoming_from(SHARED, &["Пётр Шмидт", "Schmidt, Peter"]).await?.uuid;
    folded(&crm, 10).await?;
    let summaries: Vec<String> =
        crm.in_cards("return Array.from(arguments[0].querySelectorAll('.summary'), (it) => it.textContent)").await?;
    for name in &hostile {
        ensure!(summaries.iter().any(|summary| summary == name), "{name} is not among {summaries:?}");
    }
    let built: u32 = crm.in_cards("return arguments[0].querySelectorAll('img, b').length").await?;
    let hurt = stage.browser.find("[data-hurt]").await?;
    ensure!(built == 0 && hurt.is_none(), "a name was taken for markup");
    let at = berth(&crm).await?;
    ensure!(at.top >= 0.0 && at.right - at.left <= 360.0, "ten calls stand at {at:?}");

    // The newest is in sight, and unfolds to a choice of those who share its number.
    crm.on_card("article:last-of-type .fold").await?.click().await?;
    folded(&crm, 9).await?;
    let choice = stage.message("card_choice")?;
    crm.card_that("lets choose", |card| card.contains(choice)).await?;
    let below = "const [root] = arguments, card = root.querySelector('article:last-of-type');
        return card.getBoundingClientRect().bottom - root.host.getBoundingClientRect().bottom";
    let below: f64 = crm.in_cards(below).await?;
    ensure!(below <= 1.0, "{below} px of the unfolded card are out of sight");
    let links: Vec<String> = crm
        .in_cards("return Array.from(arguments[0].querySelectorAll('article:last-of-type a'), (it) => it.textContent)")
        .await?;
    let (contact, company) = (stage.message("card_link_contact")?, stage.message("card_link_company")?);
    let contact_at = stage.message("card_contactAt")?;
    let wanted = [
        format!("{contact} 1"),
        format!("{contact} 2"),
        format!("{company} 1"),
        format!("{company} 2"),
        format!("Пётр Шмидт — {contact_at} Phonet"),
        format!("Schmidt, Peter — {contact_at} crm-2.example"),
    ];
    ensure!(links == wanted, "it links to {links:?}");
    stage.control.answer(&shared).await?;
    let talking = stage.message("card_talking")?;
    crm.card_that("talks", |card| card.contains(talking)).await?;
    crm.on_card("article:last-of-type .hang-up").await?.click().await?;
    stage.control.registered(&shared).await?;
    stage.browser.picture("screens", &format!("{}-ten-calls", stage.browser.kind().name())).await?;
    // The long names, each whole.
    for (place, left) in [(4, 8), (5, 7)] {
        crm.on_card(&format!("article:nth-of-type({place}) .fold")).await?.click().await?;
        // What is unfolded is scrolled to.
        folded(&crm, left).await?;
    }
    let heights: Vec<f64> =
        crm.in_cards("return Array.from(arguments[0].querySelectorAll('.name'), (it) => it.offsetHeight)").await?;
    ensure!(heights.iter().all(|height| *height <= 72.0), "names are {heights:?} px high");
    Ok(())
}

pub async fn the_browser_tells_of_a_call_and_rings_once(stage: &Stage) -> Result<()> {
    let granted = match stage.browser.kind() {
        BrowserKind::Chromium => Some(stage.of(User { granted: &["notifications"], ..User::default() }).await?),
        BrowserKind::Firefox => {
            stage.browser.consent("").await?;
            stage.browser.keep_notifications().await?;
            None
        }
    };
    let outcome = alerts(granted.as_ref().unwrap_or(stage)).await;
    if let Some(granted) = granted {
        let complaints = granted.browser.complaints();
        granted.close().await?;
        ensure!(complaints.is_empty(), "the extension complained:\n  {}", complaints.join("\n  "));
    }
    outcome
}

async fn alerts(stage: &Stage) -> Result<()> {
    stage.configure(SETTINGS).await?;
    let options = Options::open(stage).await?;
    options.choose("#interface-notifications", "named").await?;
    options.click("#interface-ring").await?;
    options.saved().await?;
    stage.control.wait("socket:001").await?;
    listen_for_rings(stage).await?;

    let call = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
    notified(stage, &[&call]).await?;
    rings(stage, true).await?;
    stage.control.answer(&call).await?;
    rings(stage, false).await?;
    notified(stage, &[]).await?;
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await?;

    // Of what one of two pages in sight shows the browser does not tell, and tells no more when a page comes into sight.
    let looker = stage.browser.web().window().await?;
    let call = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
    notified(stage, &[&call]).await?;
    let crm = stage.crm("").await?;
    let second = stage.crm("").await?;
    second.card_that("rings", |card| card.contains("Петров Иван Иванович")).await?;
    stage.browser.show(&looker).await?;
    notified(stage, &[]).await?;
    stage.control.hang_up(&call).await?;
    crm.show().await?;
    let call = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
    let rings_still = stage.message("card_ringing")?;
    crm.card_that("rings", |card| card.contains(rings_still)).await?;
    crm.on_card("[data-phase=ringing] .close").await?.click().await?;
    stage.browser.show(&looker).await?;
    rings(stage, false).await?;
    notified(stage, &[]).await?;
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await.map(drop)
}

pub async fn shortcuts_show_the_selection_and_hang_up(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    Options::open(stage).await?.says("#shortcuts [data-command=hang-up]", "shortcut_hangUp").await?;
    let keys = stage.browser.find("#shortcuts [data-command=dial-selection] kbd").await?.context("it has no keys")?;
    ensure!(!keys.text().await?.is_empty(), "its keys are not named");
    crm.show().await?;
    let call = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
    stage.control.answer(&call).await?;
    let talking = stage.message("card_talking")?;
    crm.card_that("talks", |card| card.contains(talking)).await?;
    stage.browser.press("hang-up").await?;
    stage.control.registered(&call).await?;

    let field = field(stage, &crm, "left: 20px; top: 300px").await?;
    field.click().await?;
    field.send_keys("8 (916) 123 45-67").await?;
    stage.browser.script::<()>("arguments[0].select()", vec![field.to_json()?]).await?;
    stage.browser.press("dial-selection").await?;
    let popup = stage.browser.popup().await?;
    let shown = popup.text("#selected-numbers .who").await?;
    ensure!(shown == "+7 916 123-45-67", "it shows {shown}");
    popup.click("#selected-numbers button").await?;
    let call = stage.control.dialled("79161234567").await?;
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await.map(drop)
}

/// A field of the page's own in a corner of it.
async fn field(stage: &Stage, page: &CrmPage<'_>, corner: &str) -> Result<WebElement> {
    page.run(&format!(
        "const field = document.createElement('input');
         field.id = 'written';
         field.style = 'position: fixed; width: 200px; {corner}';
         document.body.append(field)"
    ))
    .await?;
    stage.browser.find("#written").await?.context("no field")
}

/// Presses a key on an element of the cards. WebDriver itself does not see the focus in a closed shadow root.
async fn keys_on(stage: &Stage, page: &CrmPage<'_>, css: &str, key: Key) -> Result<()> {
    let element = page.on_card(css).await?;
    stage.browser.script::<()>("arguments[0].focus()", vec![element.to_json()?]).await?;
    Ok(stage.browser.web().action_chain().send_keys(key).perform().await?)
}

async fn field_says(stage: &Stage, field: &WebElement, wanted: &str) -> Result<()> {
    let said: String = stage.browser.script("return arguments[0].value", vec![field.to_json()?]).await?;
    ensure!(said == wanted, "the field says {said:?}");
    Ok(())
}

async fn berth(page: &CrmPage<'_>) -> Result<Berth> {
    let script = "const { left, top, right, bottom } = arguments[0].host.getBoundingClientRect();
        const { clientWidth, clientHeight } = document.documentElement;
        return [left, top, right, bottom, clientWidth, clientHeight]";
    let [left, top, right, bottom, width, height] = page.in_cards(script).await?;
    Ok(Berth { left, top, right, bottom, width, height })
}

async fn stands(page: &CrmPage<'_>, what: &str, wanted: impl Fn(Berth) -> bool) -> Result<()> {
    until(&format!("the cards to stand {what}"), async || {
        let at = berth(page).await?;
        ensure!(wanted(at), "they stand at {at:?}");
        Ok(Some(()))
    })
    .await
}

/// Waits until exactly so many cards are one line.
async fn folded(page: &CrmPage<'_>, wanted: usize) -> Result<()> {
    until(&format!("{wanted} cards of one line"), async || {
        let count: usize = page.in_cards("return arguments[0].querySelectorAll('.body[hidden]').length").await?;
        ensure!(count == wanted, "there are {count}");
        Ok(Some(()))
    })
    .await
}

/// Waits until those who do not see the page are told of things of these names.
async fn heard(stage: &Stage, names: &[&str]) -> Result<()> {
    until("the card in the accessibility tree", async || {
        let things = stage.browser.accessible().await?;
        for wanted in names {
            let last: Vec<_> = things.iter().rev().filter(|(_, name)| !name.is_empty()).take(40).collect();
            ensure!(things.iter().any(|(_, name)| name == wanted), "{wanted} is not among {last:?}");
        }
        Ok(Some(()))
    })
    .await
}

/// Waits until the browser tells of these calls and no others; asked of a page of the extension's own.
async fn notified(stage: &Stage, calls: &[&str]) -> Result<()> {
    let script = "return (globalThis.browser ?? chrome).notifications.getAll().then(Object.keys)";
    until(&format!("notifications of {calls:?}"), async || {
        let shown: Vec<String> = stage.browser.script(script, Vec::new()).await?;
        ensure!(shown == calls, "there are {shown:?}");
        Ok(Some(()))
    })
    .await
}

/// Has Firefox's background keep what it sounds by; Chromium's has a page of its own for that.
async fn listen_for_rings(stage: &Stage) -> Result<()> {
    if stage.browser.kind() == BrowserKind::Chromium {
        return Ok(());
    }
    let script = "return browser.runtime.getBackgroundPage().then((page) => {
            page.rings = [];
            page.AudioContext = class extends page.AudioContext {
                constructor(...options) {
                    super(...options);
                    page.rings.push(this);
                }
            };
        })";
    stage.browser.script::<()>(script, Vec::new()).await
}

/// Waits until one thing sounds, or none.
async fn rings(stage: &Stage, wanted: bool) -> Result<()> {
    let script = match stage.browser.kind() {
        BrowserKind::Chromium => {
            "return chrome.runtime.getContexts({ contextTypes: ['OFFSCREEN_DOCUMENT'] })
                .then((pages) => pages.map(({ documentUrl }) => documentUrl))"
        }
        BrowserKind::Firefox => {
            // Without a loudspeaker none ever runs; what is allowed to, and is not closed, rings where there is one.
            "return browser.runtime.getBackgroundPage()
                .then(({ rings }) => rings.filter(({ state }) => state !== 'closed')
                    .map(() => navigator.getAutoplayPolicy('audiocontext')))"
        }
    };
    until(if wanted { "one ring" } else { "silence" }, async || {
        let sounds: Vec<String> = stage.browser.script(script, Vec::new()).await?;
        ensure!(sounds.len() == usize::from(wanted), "it sounds from {sounds:?}");
        ensure!(!sounds.iter().any(|sound| sound.starts_with("disallowed")), "it may not sound: {sounds:?}");
        Ok(Some(()))
    })
    .await
}

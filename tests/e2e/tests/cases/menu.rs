//! The items of the context menu.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use thirtyfour::{By, WebElement};
use trubka_e2e::{CrmPage, IconPopup, Options, SETTINGS, Stage, until};

use super::CLIENT;

pub async fn what_is_no_phone_has_no_button_until_that_is_taken_back(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    crm.phase(CLIENT, "idle").await?;
    let place = crm.buttons().await?.iter().position(|button| digits(&button.name).contains(CLIENT));
    let hosts = crm.hosts().await?;
    let host = place.and_then(|place| hosts.get(place)).context("no button")?;
    stage.browser.choose(host, "notPhone", stage.message("menu_notPhone")?, "").await?;
    no_button(&crm, CLIENT).await?;

    let options = Options::open(stage).await?;
    options.says("#corrections li", "options_correctionNotPhone").await?;
    let file = saved_file(stage).await?;
    let correction = file.pointer("/corrections/0").context("it has no correction")?;
    ensure!(correction.pointer("/phone") == Some(&json!(false)), "it has {correction}");
    let settings: Value = serde_json::from_str(SETTINGS)?;
    for secret in ["/phonet/apiKey", "/kontur/apiKey"] {
        let secret = settings.pointer(secret).and_then(Value::as_str).context("no such secret")?;
        ensure!(!file.to_string().contains(secret), "it tells a secret");
    }
    options.import(&file.to_string()).await?;
    options.saved().await?;
    options.click("#corrections button").await?;
    options.says("#no-corrections:not([hidden])", "options_noCorrections").await?;
    crm.show().await?;
    crm.phase(CLIENT, "idle").await.map(drop)
}

pub async fn what_is_a_phone_gets_a_button(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    crm.phase(CLIENT, "idle").await?;
    crm.write("Заказ 89161234567").await?;
    ensure!(!has_button(&crm, "79161234567").await?, "it counts as a phone already");
    let selected = select(stage, "89161234567").await?;
    stage.browser.choose(&selected, "phone", stage.message("menu_phone")?, "89161234567").await?;
    crm.phase("79161234567", "idle").await.map(drop)
}

pub async fn a_link_that_is_no_phone_has_no_button(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    crm.phase(CLIENT, "idle").await?;
    crm.run(
        "const paragraph = document.createElement('p');
         paragraph.id = 'linked';
         paragraph.innerHTML = '<a href=\"tel:+7%20916%20123-45-67\">Позвонить</a>';
         document.body.prepend(paragraph)",
    )
    .await?;
    crm.phase("79161234567", "idle").await?;
    let host = stage.browser.find("#linked trubka-call").await?.context("no button")?;
    stage.browser.choose(&host, "notPhone", stage.message("menu_notPhone")?, "").await?;
    no_button(&crm, "79161234567").await
}

pub async fn what_holds_no_number_is_said_to(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    crm.phase(CLIENT, "idle").await?;
    crm.write("Никакого номера").await?;
    let selected = select(stage, "номера").await?;
    let sentence = stage.message("problem_correctionNotNumber")?.to_owned();
    // Said twice, it is there once.
    for _ in 0..2 {
        stage.browser.choose(&selected, "phone", stage.message("menu_phone")?, "номера").await?;
        until("one notice that there is no number", async || {
            let notices = notices(stage).await?;
            ensure!(notices.len() == 1 && notices.iter().all(|it| it.contains(&sentence)), "there are {notices:?}");
            Ok(Some(()))
        })
        .await?;
    }
    let popup = stage.browser.click_icon().await?;
    popup.click("#site-switch[aria-checked=true]").await?;
    popup.text("#site-switch[aria-checked=false]").await?;
    popup.close().await?;
    crm.show().await?;
    until("the notice to leave with everything else", async || Ok(notices(stage).await?.is_empty().then_some(()))).await
}

/// What is said on the page, each notice and card by itself.
async fn notices(stage: &Stage) -> Result<Vec<String>> {
    let mut roots = Vec::new();
    for host in stage.browser.web().find_all(By::Css("trubka-card")).await? {
        roots.push(stage.browser.shadow(&host).await?);
    }
    let script = "return Array.from(arguments).flatMap((root) => [...root.querySelectorAll('article')].map((it) => it.textContent))";
    stage.browser.script(script, roots).await
}

pub async fn a_selection_is_shown_and_then_dialled(stage: &Stage) -> Result<()> {
    let popup = popup_of_selection(stage).await?;
    let shown = popup.text("#selected-numbers .who").await?;
    ensure!(shown == "+7 945 123-54-89", "it shows {shown}");
    let focused = popup.evaluate("document.activeElement.matches('#selected-numbers button')").await?;
    ensure!(focused == true, "its button has not the focus");
    ensure!(stage.control.dials(CLIENT).await? == 0, "it is dialled already");
    popup.click("#selected-numbers button").await?;
    let call = stage.control.dialled(CLIENT).await?;
    popup.text("#selected[hidden]").await?;
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await.map(drop)
}

pub async fn a_selection_that_is_not_dialled_goes_with_the_popup(stage: &Stage) -> Result<()> {
    let popup = popup_of_selection(stage).await?;
    popup.text("#selected-numbers .who").await?;
    popup.close().await?;
    let page = stage.browser.web().windows().await?.into_iter().next().context("no tab")?;
    stage.browser.show(&page).await?;
    let popup = stage.popup().await?;
    popup.link("live").await?;
    popup.element("#selected[hidden]").await?;
    ensure!(stage.control.dials(CLIENT).await? == 0, "it was dialled");
    Ok(())
}

/// What the item to call a selection opens, on a page of a site on which nothing is switched on.
pub async fn popup_of_selection(stage: &Stage) -> Result<IconPopup<'_>> {
    stage.connect().await?;
    let page = CrmPage::open(stage, stage.control.address()).await?;
    page.write("Звоните: 8 (945) 123 54-89").await?;
    let selected = select(stage, "8 (945) 123 54-89").await?;
    let title = stage.message("menu_call")?.replace("%s", "8 (945) 123 54-89");
    stage.browser.choose(&selected, "call", &title, "8 (945) 123 54-89").await?;
    stage.browser.popup().await
}

/// Selects some words of what was written last, and answers with the element that they stand in.
async fn select(stage: &Stage, words: &str) -> Result<WebElement> {
    let script = "const paragraph = document.body.firstElementChild;
        const text = paragraph.firstChild;
        const start = text.data.indexOf(arguments[0]);
        getSelection().setBaseAndExtent(text, start, text, start + arguments[0].length);
        return paragraph;";
    Ok(stage.browser.web().execute(script, vec![words.into()]).await?.element()?)
}

/// What the options save as a file.
async fn saved_file(stage: &Stage) -> Result<Value> {
    let script = "const done = arguments[0];
        URL.createObjectURL = (blob) => (blob.text().then(done), 'about:blank');
        HTMLAnchorElement.prototype.click = () => {};
        document.getElementById('export').click();";
    let text: String = stage.browser.web().execute_async(script, Vec::new()).await?.convert()?;
    Ok(serde_json::from_str(&text)?)
}

async fn has_button(page: &CrmPage<'_>, number: &str) -> Result<bool> {
    Ok(page.buttons().await?.iter().any(|button| digits(&button.name).contains(number)))
}

/// Waits until no button is for `number` (digits).
async fn no_button(page: &CrmPage<'_>, number: &str) -> Result<()> {
    until(&format!("no button for {number}"), async || Ok((!has_button(page, number).await?).then_some(()))).await
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

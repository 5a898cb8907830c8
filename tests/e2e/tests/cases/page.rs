//! The CRM page with our buttons on it.

use std::collections::{BTreeSet, HashSet};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use thirtyfour::{Key, WebElement};
use trubka_e2e::{Appearance, CrmPage, Stage, until};

use super::CLIENT;

pub async fn buttons_survive_a_page_that_renders_all_the_time(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let crm = stage.crm("?churn=1").await?;
    crm.phase(CLIENT, "idle").await?;
    // A button that the page's renderings outlived is clicked like any other.
    crm.renderings(10).await?;
    until("one button for each number", async || {
        let names: Vec<String> = crm.buttons().await?.into_iter().map(|button| button.name).collect();
        let distinct = names.iter().collect::<HashSet<_>>().len();
        ensure!(distinct == names.len(), "doubled: {names:?}");
        Ok((distinct == 4).then_some(()))
    })
    .await?;
    crm.click(CLIENT).await?;
    let call = stage.control.dialled(CLIENT).await?;
    crm.phase(CLIENT, "ringing").await?;
    stage.control.hang_up(&call).await?;
    crm.phase(CLIENT, "idle").await?;
    stage.control.registered(&call).await?;
    ensure!(crm.errors().await? == 0, "the page's own script failed");
    Ok(())
}

pub async fn what_is_no_phone_number_gets_no_button(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    for page in ["", "/3f6a0c1e-0000-4000-8000-0000000000e1", "/3f6a0c1e-0000-4000-8000-0000000000e3"] {
        let crm = stage.crm(page).await?;
        crm.phase(CLIENT, "idle").await?;
        for button in crm.buttons().await? {
            let digits: String = button.name.chars().filter(char::is_ascii_digit).collect();
            let known = ["79451235489", "79654568789", "78123854136", "76046851124"];
            ensure!(known.iter().any(|number| digits.contains(number)), "{page} has a button {button:?}");
        }
        ensure!(crm.errors().await? == 0, "the page's own script failed");
    }
    Ok(())
}

/// Each layout is looked at with its buttons and without them, before the extension can put them back.
pub async fn layouts_keep_their_shape(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let page = CrmPage::lab(stage, "layouts.html").await?;
    layouts_have_buttons(&page).await?;
    for dark in [true, false] {
        stage.browser.appear(Appearance { dark, width: 1280, height: 1700 }).await?;
        let scheme = if dark { "dark" } else { "light" };
        stage
            .browser
            .picture(&format!("screens/{}", stage.browser.kind().name()), &format!("layouts-{scheme}"))
            .await?;
    }
    let changes = "
        const texts = [];
        const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        while (walker.nextNode()) if (walker.currentNode.data.trim() !== '') texts.push(walker.currentNode);
        const elements = [...document.querySelectorAll('body *:not(trubka-call)')];
        const look = () => ({
            elements: elements.map((element) => element.getBoundingClientRect()),
            texts: texts.map((text) => {
                const range = new Range();
                range.selectNode(text);
                const { left, top } = range.getClientRects()[0];
                return { left, top: top - (text.parentElement.closest('article')?.getBoundingClientRect().top ?? top) };
            }),
        });
        // What flows over several lines may flow on.
        const flows = (node) => (node.closest ? node : node.parentElement).closest('#sentence, #many, #justified, #narrow, #clamp');
        const hosts = [...document.querySelectorAll('trubka-call')];
        const numbers = new Set(hosts.map((host) => host.previousSibling));
        const taken = (node) => [...(node.closest('article')?.querySelectorAll('trubka-call') ?? [])]
            .map((host) => host.getBoundingClientRect().width + 4).reduce((sum, width) => sum + width, 1);
        const room = texts.map((text) => taken(text.parentElement));
        const dressed = look();
        for (const host of hosts) host.remove();
        const plain = look();
        const changes = [];
        elements.forEach((element, i) => {
            const growth = Math.abs(dressed.elements[i].height - plain.elements[i].height);
            if (growth > 1 && !flows(element)) changes.push(`${element.outerHTML}: ${growth} px higher`);
        });
        texts.forEach((text, i) => {
            const down = Math.abs(dressed.texts[i].top - plain.texts[i].top);
            const aside = Math.abs(dressed.texts[i].left - plain.texts[i].left);
            if (flows(text)) return;
            if (down > 1) changes.push(`${text.data}: ${down} px down`);
            if (aside > room[i]) changes.push(`${text.data}: ${aside} px aside`);
            if (aside > 1 && numbers.has(text) && !text.parentElement.closest('#centered')) changes.push(`${text.data} moved`);
        });
        return changes;";
    let changes: Vec<String> = stage.browser.script(changes, Vec::new()).await?;
    ensure!(changes.is_empty(), "{}", changes.join("\n"));
    // The page has taken them off; they come back.
    layouts_have_buttons(&page).await
}

async fn layouts_have_buttons(page: &CrmPage<'_>) -> Result<()> {
    until("a button for each number", async || {
        let names: BTreeSet<String> = page.buttons().await?.into_iter().map(|button| button.name).collect();
        ensure!(names.len() == 39, "{} buttons: {names:?}", names.len());
        Ok(Some(()))
    })
    .await
}

pub async fn a_button_has_a_name_and_obeys_the_keyboard(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let page = CrmPage::lab(stage, "frame.html").await?;
    let button = page.phase("79123456751", "idle").await?;
    ensure!(button.name.starts_with(stage.message("button_idle")?), "it is named {:?}", button.name);
    let name = button.name.replace('\u{a0}', " ").replace('\u{2011}', "-");
    ensure!(name.ends_with("+7 912 345-67-51"), "it is named {name:?}");
    for key in [Key::Tab, Key::Enter] {
        press_alone(stage, key).await?;
    }
    let call = stage.control.dialled("79123456751").await?;
    page.phase("79123456751", "ringing").await?;
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await.map(drop)
}

pub async fn copying_and_forms_know_nothing_of_buttons(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let page = CrmPage::lab(stage, "layouts.html").await?;
    page.run(
        "const target = document.createElement('form');
         target.id = 'target';
         target.innerHTML = '<input name=\"phone\" readonly value=\"+7 912 345-68-40\"><textarea></textarea>'
             + '<div contenteditable=\"true\" style=\"height: 40px; overflow: hidden\"></div>';
         document.body.prepend(target);
         getSelection().selectAllChildren(document.getElementById('table'));",
    )
    .await?;
    until("a button for each number", async || Ok((page.hosts().await?.len() == 40).then_some(()))).await?;
    press(stage, "c").await?;
    for css in ["#target textarea", "#target [contenteditable]"] {
        stage.browser.find(css).await?.context("no field")?.click().await?;
        press(stage, "v").await?;
    }
    let script = "const [text, html] = document.querySelectorAll('#target textarea, #target [contenteditable]');
        const own = (node) => node.textContent.replace(/\\s+/gu, ' ').trim();
        const written = new DOMParser().parseFromString(arguments[0], 'text/html');
        document.querySelectorAll('#target').forEach((form) => form.remove());
        return [text.value, html.innerHTML, own(document.body), own(written.body)]";
    let source = "const done = arguments[0]; fetch(location.href).then((answer) => answer.text()).then(done)";
    let entries = "return [...new FormData(document.querySelector('form'))].flat().join(' ')";
    let entries: String = stage.browser.script(entries, Vec::new()).await?;
    ensure!(entries == "phone +7 912 345-68-40", "the form sends {entries:?}");
    let source = stage.browser.web().execute_async(source, Vec::new()).await?.json().clone();
    let [text, html, own, written]: [String; 4] = stage.browser.script(script, vec![source]).await?;
    ensure!(text.contains("+7 912 345-68-01") && text.contains("Пётр"), "copied as text: {text:?}");
    ensure!(html.contains("+7 912 345-68-01") && !html.contains("trubka"), "copied: {html:?}");
    ensure!(!text.contains("Позвонить") && !html.contains("Позвонить"), "copied: {html:?}");
    ensure!(own == written, "the page's text is {own:?} instead of {written:?}");
    until("the buttons to be there again", async || Ok((page.hosts().await?.len() == 39).then_some(()))).await
}

async fn press_alone(stage: &Stage, key: Key) -> Result<()> {
    Ok(stage.browser.web().action_chain().key_down(key.clone()).key_up(key).perform().await?)
}

async fn press(stage: &Stage, key: &str) -> Result<()> {
    let keys = stage.browser.web().action_chain();
    keys.key_down(Key::Control).send_keys(key).key_up(Key::Control).perform().await.map_err(Into::into)
}

pub async fn printing_leaves_buttons_out(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let page = CrmPage::lab(stage, "layouts.html").await?;
    layouts_have_buttons(&page).await?;
    stage.browser.show_as_printed().await?;
    let shown = "return Array.from(document.querySelectorAll('trubka-call, trubka-card, trubka-hint'))
        .filter((host) => host.getClientRects().length > 0).length";
    let shown: u32 = stage.browser.script(shown, Vec::new()).await?;
    ensure!(shown == 0, "{shown} of our elements are printed");
    Ok(())
}

pub async fn a_page_older_than_the_extension_says_so(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    crm.phase(CLIENT, "idle").await?;
    renew(stage).await?;
    crm.show().await?;
    let outdated = stage.message("problem_pageOutdated")?.to_owned();
    crm.card_that("says that the page is to be reloaded", |card| card.contains(&outdated)).await.map(drop)
}

/// Firefox runs the new extension's script in the pages that are open.
pub async fn a_page_older_than_the_extension_goes_on(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    crm.phase(CLIENT, "idle").await?;
    renew(stage).await?;
    crm.show().await?;
    until("the renewed extension to connect", async || {
        let ledger = stage.control.ledger().await?;
        Ok((ledger.iter().filter(|entry| entry.path.contains("/connector/")).count() == 2).then_some(()))
    })
    .await?;
    stage.popup().await?.link("live").await?;
    crm.show().await?;
    crm.click(CLIENT).await?;
    let call = stage.control.dialled(CLIENT).await?;
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await.map(drop)
}

/// Loads the extension anew, as an update does.
async fn renew(stage: &Stage) -> Result<()> {
    stage.popup().await?;
    // The popup goes with the old extension.
    let reload = "setTimeout(() => (globalThis.browser ?? chrome).runtime.reload())";
    stage.browser.script(reload, Vec::new()).await
}

/// Each number of a grid of many lies beside many others.
pub async fn a_flat_grid_of_many_numbers_holds_nobody_up(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let page = CrmPage::lab(stage, "frame.html").await?;
    page.phase("79123456751", "idle").await?;
    let script = "const done = arguments[0];
        const grid = document.createElement('div');
        grid.style.cssText = 'display: grid; grid-template-columns: repeat(12, 1fr); font-size: 10px';
        for (let i = 0; i < 1_500; i++) {
            const name = document.createElement('a');
            name.textContent = 'Имя';
            const number = document.createElement('a');
            number.textContent = `+7 912 3${10 + i % 90}-${10 + i % 87}-${10 + i % 83}`;
            grid.append(name, number);
        }
        document.body.append(grid);
        let gap = 0;
        let frames = 0;
        let last;
        const hosts = document.getElementsByTagName('trubka-call');
        // Once all are there, the page scrolls for some frames.
        const beat = () => {
            const now = performance.now();
            if (frames > 1) gap = Math.max(gap, now - last);
            last = now;
            if (hosts.length === 1_501) {
                frames++;
                scrollBy(0, frames % 2 === 0 ? 40 : -20);
            }
            if (frames < 20) requestAnimationFrame(beat);
            else done(gap);
        };
        requestAnimationFrame(beat)";
    let gap: f64 = stage.browser.web().execute_async(script, Vec::new()).await?.convert()?;
    ensure!(gap < 700.0, "a frame took {gap} ms");
    Ok(())
}

/// Where a button covers what the page shows, nobody sees it before the pointer is there.
pub async fn a_click_on_what_was_not_to_be_seen_dials_nothing(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let page = CrmPage::lab(stage, "frame.html").await?;
    page.run(
        "const cell = document.createElement('div');
         cell.style.cssText = 'width: 90px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; margin-top: 60px';
         cell.textContent = '+7 912 345-00-10';
         document.body.append(cell)",
    )
    .await?;
    page.phase("79123450010", "idle").await?;
    let button = button_of(stage, &page, "79123450010").await?;
    until("the button to cover the number", async || Ok(button.attr("data-covers").await?.filter(|it| it == "true")))
        .await?;
    button.click().await?;
    // Its answer comes after that of a dial would have come.
    page.write("+7 912 345-00-11").await?;
    page.phase("79123450011", "idle").await?;
    ensure!(
        page.phase("79123450010", "idle").await.is_ok() && stage.control.dials("79123450010").await? == 0,
        "it dials"
    );
    // Whoever still points there sees it.
    let call = until("a click to dial", async || {
        button.click().await?;
        Ok((stage.control.dials("79123450010").await? == 1).then_some(()))
    })
    .await
    .and(stage.control.dialled("79123450010").await)?;
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await.map(drop)
}

/// A button over the page is where its number is: in what was hidden, in what is made narrower or wider, and where only the pointer
/// tells that the number has moved.
pub async fn a_button_over_the_page_follows_its_number(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let page = CrmPage::lab(stage, "frame.html").await?;
    page.run(
        "addEventListener('error', ({ message }) => (document.body.dataset.errors = message));
         const cell = document.createElement('div');
         cell.id = 'cell';
         cell.style.cssText = 'height: 40px; line-height: 40px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; margin: 60px; font-size: 12px';
         cell.textContent = '+7 912 345-00-10';
         cell.hidden = true;
         document.body.append(cell)",
    )
    .await?;
    page.phase("79123450010", "idle").await?;
    let button = button_of(stage, &page, "79123450010").await?;
    let changes = [
        ("is shown", "hidden = false", false),
        ("is narrow", "style.width = '60px'", false),
        ("is wide", "style.width = '300px'", false),
        ("has large letters", "style.fontSize = '18px'", true),
    ];
    for (what, change, is_pointed_at) in changes {
        page.run(&format!("document.getElementById('cell').{change}")).await?;
        if is_pointed_at {
            let cell = stage.browser.find("#cell").await?.context("no cell")?;
            stage.browser.web().action_chain().move_to_element_center(&cell).perform().await?;
        }
        // Behind the number, or at the edge that cuts it off; in the middle of its line.
        let place = "const cell = document.getElementById('cell');
            const range = new Range();
            range.selectNodeContents(cell.firstChild);
            const { right, top, bottom } = range.getBoundingClientRect();
            return [Math.min(right + 3, cell.getBoundingClientRect().right - 24), (top + bottom) / 2]";
        until(&format!("the button to be at its number where that {what}"), async || {
            let [x, y]: [f64; 2] = stage.browser.script(place, Vec::new()).await?;
            let rect = button.rect().await?;
            let is_there = (rect.x - x).abs() < 1.5 && (rect.y + rect.height / 2.0 - y).abs() < 1.5;
            Ok(is_there.then_some(()))
        })
        .await?;
    }
    let errors = "return document.body.dataset.errors ?? null";
    let errors: Option<String> = stage.browser.script(errors, Vec::new()).await?;
    ensure!(errors.is_none(), "the page hears of an error: {errors:?}");
    Ok(())
}

/// What hangs over the page goes along where the page scrolls under it, changes how it is laid out, or hides its number.
pub async fn a_button_is_never_left_at_another_number(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let page = CrmPage::lab(stage, "frame.html").await?;
    page.run(
        "const links = (first, count) => Array.from({ length: count }, (_, i) =>
             `<a href='tel:+791234500${first + i}'>+7 912 345-00-${first + i}</a>`).join('');
         document.body.insertAdjacentHTML('beforeend',
             `<div id='scroller' style='overflow: auto; height: 60px; margin: 20px'>
                  <div style='display: flex; flex-direction: column; line-height: 20px'>${links(10, 20)}</div></div>
              <div id='turned' style='display: flex; flex-direction: column; width: 400px; margin: 20px'>${links(40, 1)}</div>
              <div id='edited' style='margin: 20px'><a href='tel:+79123450050'>+7 912 345-00-50</a>
                  <input disabled value='+7 912 345-00-51' style='display: none'></div>`)",
    )
    .await?;
    page.phase("79123450051", "idle").await?;
    let at = async |what: &str, number: &str, is_shown: bool| {
        let button = button_of(stage, &page, number).await?;
        let place = "const number = arguments[0];
            const range = new Range();
            range.selectNodeContents(document.querySelector(`a[href='tel:+${number}']`));
            const { top, height, right } = range.getBoundingClientRect();
            return [top + height / 2, right]";
        until(&format!("{number} where {what}"), async || {
            if !is_shown {
                return Ok((!button.is_displayed().await?).then_some(()));
            }
            let [y, right]: [f64; 2] = stage.browser.script(place, vec![json!(number)]).await?;
            let rect = button.rect().await?;
            let is_there = (rect.y + rect.height / 2.0 - y).abs() < 3.0 && (rect.x - right).abs() < 8.0;
            Ok((is_there && button.is_displayed().await?).then_some(()))
        })
        .await
    };
    let style = |id: &str, change: &str| format!("document.getElementById('{id}').{change}");
    at("it stands", "79123450012", true).await?;
    page.run(&style("scroller", "scrollTop = 20")).await?;
    at("the page has scrolled", "79123450012", true).await?;
    at("it stands", "79123450040", true).await?;
    page.run(&style("turned", "style.flexDirection = 'row'; dispatchEvent(new Event('resize'))")).await?;
    at("its column is a row", "79123450040", true).await?;
    at("its field is hidden", "79123450051", false).await?;
    at("its link is shown", "79123450050", true).await?;
    page.run(&style("edited", "firstChild.style.display = 'none'")).await?;
    at("its link is hidden", "79123450050", false).await?;
    page.run(&style("edited", "firstChild.style.display = ''; dispatchEvent(new Event('resize'))")).await?;
    at("its link is shown again", "79123450050", true).await
}

/// A page that keeps what it takes away brings our elements back with it.
pub async fn a_button_that_the_page_brings_back_is_not_doubled(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let page = CrmPage::lab(stage, "frame.html").await?;
    page.write("+7 912 345-00-10").await?;
    page.phase("79123450010", "idle").await?;
    let before = page.hosts().await?.len();
    page.run(
        "const parent = document.querySelector('trubka-call').parentElement;
         const kept = [...parent.childNodes];
         parent.replaceChildren();
         setTimeout(() => parent.append(...kept), 500)",
    )
    .await?;
    until("the button to go", async || Ok((page.hosts().await?.len() < before).then_some(()))).await?;
    page.phase("79123450010", "idle").await?;
    // What is new is there only after what was brought back has been looked at.
    page.write("+7 912 345-00-11").await?;
    page.phase("79123450011", "idle").await?;
    let count = page.hosts().await?.len();
    ensure!(count == before + 1, "{count} buttons instead of {}", before + 1);
    Ok(())
}

pub async fn the_page_hears_nothing_of_what_is_done_to_a_button(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let page = CrmPage::lab(stage, "frame.html").await?;
    for number in ["+7 912 345-00-10", "+7 912 345-00-11"] {
        page.write(number).await?;
    }
    page.has_buttons(&[("inner", "79123456751"), ("", "79123450010"), ("", "79123450011")]).await?;
    page.run(
        "window.heard = [];
         const types = 'keydown keypress keyup pointerdown pointerup mousedown mouseup click submit';
         for (const type of types.split(' ')) {
             for (const capture of [true, false]) {
                 for (const target of [document, document.body, document.getElementById('inner')]) {
                     target.addEventListener(type, ({ key }) => heard.push([type, key].join(' ')), { capture });
                 }
             }
         }",
    )
    .await?;
    for (key, number) in [(Some(Key::Enter), "79123450011"), (Some(Key::Space), "79123450010"), (None, "79123456751")] {
        match key {
            Some(key) => {
                press_alone(stage, Key::Tab).await?;
                press_alone(stage, key).await?;
            }
            None => page.click(number).await?,
        }
        let call = stage.control.dialled(number).await?;
        stage.control.hang_up(&call).await?;
        stage.control.registered(&call).await?;
        page.phase(number, "idle").await?;
    }
    let heard: Vec<String> = stage.browser.script("return heard", Vec::new()).await?;
    // The way there is the page's.
    let heard: Vec<_> = heard.iter().filter(|event| !event.ends_with("Tab")).collect();
    ensure!(heard.is_empty(), "it hears {heard:?}");
    Ok(())
}

/// A page may define elements of our names; what is in ours stays out of its reach.
pub async fn a_page_that_defines_our_elements_gets_at_nothing(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let page = CrmPage::lab(stage, "frame.html").await?;
    page.phase("79123456751", "idle").await?;
    page.run(
        "window.roots = [];
         window.seen = 0;
         const { attachShadow } = Element.prototype;
         Element.prototype.attachShadow = function (options) {
             const root = attachShadow.call(this, { ...options, mode: 'open' });
             if (this.localName.startsWith('trubka-')) roots.push(`${this.localName}: attached`);
             return root;
         };
         for (const name of ['trubka-call', 'trubka-card', 'trubka-hint']) {
             customElements.define(name, class extends HTMLElement {
                 constructor() {
                     super();
                     window.seen++;
                     const own = this.shadowRoot ?? this.attachInternals().shadowRoot;
                     if (own) roots.push(`${name}: internals`);
                     try {
                         this.attachShadow({ mode: 'open' });
                         roots.push(`${name}: first`);
                     } catch {
                         // It has one.
                     }
                 }
             });
         }",
    )
    .await?;
    page.write("+7 912 345-00-10").await?;
    page.click("79123450010").await?;
    let call = stage.control.dialled("79123450010").await?;
    page.card_that("shows the call", |card| !card.is_empty()).await?;
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await?;
    let seen: u32 = stage.browser.script("return seen", Vec::new()).await?;
    ensure!(seen > 1, "its definitions never ran");
    let roots: Vec<String> = stage.browser.script("return roots", Vec::new()).await?;
    ensure!(roots.is_empty(), "it got at {roots:?}");
    Ok(())
}

/// Two numbers in one link of the page stand behind it in their order, and are told apart.
pub async fn the_numbers_of_one_link_are_told_apart(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let page = CrmPage::lab(stage, "frame.html").await?;
    page.run(
        "document.body.insertAdjacentHTML('beforeend',
             '<p id=\"two\"><a href=\"#\">+7 912 345-00-10<br>+7 912 345-00-11</a></p>')",
    )
    .await?;
    let right = "const [link, ...hosts] = document.getElementById('two').children;
        return [link.nextSibling === hosts[0], hosts[0]?.nextSibling === hosts[1], hosts.length === 2]";
    let changes = [
        "",
        "document.querySelector('#two a').lastChild.data = '+7 912 345-00-12'",
        "document.querySelector('#two trubka-call').remove()",
    ];
    for (change, last) in changes.into_iter().zip(["11", "12", "12"]) {
        page.run(change).await?;
        let wanted = [("inner", "79123456751"), ("two", "79123450010"), ("two", &format!("791234500{last}"))];
        page.has_buttons(&wanted).await.with_context(|| change.to_owned())?;
        until("both to stand behind the link", async || {
            let [first, second, both]: [bool; 3] = stage.browser.script(right, Vec::new()).await?;
            Ok((first && second && both).then_some(()))
        })
        .await?;
        let names: Vec<String> =
            page.buttons().await?.into_iter().filter(|it| it.place == "two").map(|it| digits(&it.name)).collect();
        ensure!(names == ["79123450010".to_owned(), format!("791234500{last}")], "they are {names:?}");
        for (number, shown) in [("79123450010", "0010"), (wanted[2].1, "")] {
            let text = button_of(stage, &page, number).await?.prop("textContent").await?.unwrap_or_default();
            ensure!(digits(&text) == shown, "the button of {number} shows {text:?}");
        }
    }
    Ok(())
}

/// The button of a number (digits) that is on the page.
async fn button_of(stage: &Stage, page: &CrmPage<'_>, number: &str) -> Result<WebElement> {
    for host in page.hosts().await? {
        let button = stage.browser.find_in_shadow(&host, "button").await?;
        if digits(&button.attr("aria-label").await?.unwrap_or_default()).contains(number) {
            return Ok(button);
        }
    }
    anyhow::bail!("no button for {number}")
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

//! What the popup's buttons do.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use thirtyfour::{By, Key};
use tokio::time::sleep;
use trubka_e2e::{Entry, Options, SETTINGS, Stage, User, until};

use super::CLIENT;

pub async fn a_call_is_hung_up_from_the_popup(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let call = talking(stage).await?;
    let popup = stage.popup().await?;
    popup.click(&format!("[id='hang-up-{call}']")).await?;
    stage.control.registered(&call).await?;
    popup.element("#no-current:not([hidden])").await.map(drop)
}

pub async fn a_call_is_hung_up_from_the_card(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    let call = talking(stage).await?;
    crm.hang_up_on_card().await?;
    stage.control.registered(&call).await.map(drop)
}

pub async fn a_call_is_hung_up_from_the_button(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    crm.click(CLIENT).await?;
    let call = stage.control.dialled(CLIENT).await?;
    stage.control.answer(&call).await?;
    crm.phase(CLIENT, "talking").await?;
    // A click this soon after the button has turned would be taken for a double click's second.
    sleep(Duration::from_millis(600)).await;
    crm.click(CLIENT).await?;
    stage.control.registered(&call).await?;
    crm.phase(CLIENT, "idle").await?;
    let dials = stage.control.dials(CLIENT).await?;
    ensure!(dials == 1, "the exchange was asked {dials} times");
    Ok(())
}

pub async fn hanging_up_says_when_it_fails(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let call = talking(stage).await?;
    let failures = |count| json!({ "service": "phonet", "path": "/hangup", "status": 500, "count": count });
    stage.control.act("fault", &failures(1000)).await?;
    let popup = stage.popup().await?;
    popup.click(&format!("[id='hang-up-{call}']")).await?;
    popup.says("#current .error", "problem_phonetStatus").await?;
    stage.control.act("fault", &failures(0)).await?;
    popup.click(&format!("[id='hang-up-{call}']")).await?;
    stage.control.registered(&call).await.map(drop)
}

pub async fn what_was_refused_is_sent_again(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let call = refused(stage, "register-call").await?;
    let popup = stage.popup().await?;
    popup.click(&format!("[id='retry-{call}']")).await?;
    stage.control.registered(&call).await?;
    popup.element("#undelivered[hidden]").await.map(drop)
}

pub async fn all_that_was_refused_is_sent_again(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let first = refused(stage, "register-call").await?;
    let second = refused(stage, "register-call").await?;
    let popup = stage.popup().await?;
    popup.element("#recent [data-delivery=failed]:nth-child(2)").await?;
    popup.click("#retry-all").await?;
    stage.control.registered(&first).await?;
    stage.control.registered(&second).await?;
    popup.element("#undelivered[hidden]").await.map(drop)
}

pub async fn what_was_refused_is_given_up_after_a_question(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let call = refused(stage, "call-event").await?;
    let popup = stage.popup().await?;
    let discard = format!("[id='discard-{call}']");
    popup.click(&discard).await?;
    popup.click("#discard button[value=keep]").await?;
    popup.click(&discard).await?;
    popup.click("#discard button[value=discard]").await?;
    popup.element("#undelivered[hidden]").await?;
    popup.element("#recent .call:not([data-delivery=failed])").await.map(drop)
}

pub async fn the_exported_log_names_nobody(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    crm.click(CLIENT).await?;
    let call = stage.control.dialled(CLIENT).await?;
    stage.control.answer(&call).await?;
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await?;
    stage.popup().await?;
    let script = "const done = arguments[0];
        URL.createObjectURL = (blob) => (blob.text().then(done), 'about:blank');
        HTMLAnchorElement.prototype.click = () => {};
        document.getElementById('export-log').click();";
    let log: String = stage.browser.web().execute_async(script, Vec::new()).await?.convert()?;
    let lines = log.lines().count();
    ensure!(lines > 10, "it has only {lines} lines:\n{log}");
    let settings: Value = serde_json::from_str(SETTINGS)?;
    let secrets = ["/phonet/apiKey", "/kontur/apiKey"].map(|secret| settings.pointer(secret).and_then(Value::as_str));
    let named = [CLIENT, "1235489", "74951234567", "Петров", "Иван", "Первый клиент", "Анна", "Смирнова"];
    for word in named.into_iter().map(Some).chain(secrets) {
        let word = word.unwrap_or("no such secret");
        ensure!(!log.contains(word), "it says {word}:\n{log}");
    }
    Ok(())
}

/// By the keyboard alone: a name that the calls know, a number as somebody wrote it, and words that are neither.
pub async fn a_name_and_a_pasted_number_are_dialled(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let call = missed(stage).await?;
    let popup = stage.popup().await?;
    popup.element("#recent .call[data-missed=true]").await?;
    has_the_focus(stage, "#number").await?;
    popup.press("иван ПЕТР").await?;
    popup.element("#suggestions:not([hidden]) [role=option]").await?;
    popup.press(Key::Down).await?;
    popup.element("#number[aria-activedescendant=suggestion-0]").await?;
    popup.press(Key::Enter).await?;
    popup.element("#suggestions[hidden]").await?;
    ensure!(stage.control.dials(CLIENT).await? == 0, "what is only chosen is not dialled");
    popup.press(Key::Enter).await?;
    let dialled = stage.control.dialled(CLIENT).await?;
    popup.element("#current .call[data-direction=outbound]").await?;
    stage.control.hang_up(&dialled).await?;
    stage.control.registered(&dialled).await?;
    popup.element("#current:empty").await?;
    popup.press("Звоните: 8 (812) 385-41-36").await?;
    popup.press(Key::Enter).await?;
    let dialled = stage.control.dialled("78123854136").await?;
    stage.control.hang_up(&dialled).await?;
    stage.control.registered(&dialled).await?;
    popup.element("#current:empty").await?;
    popup.press("позвони завтра" + Key::Enter).await?;
    popup.says("#dial-reason", "problem_dialNotANumber").await?;
    stage.control.registered(&call).await.map(drop)
}

/// The badge counts through the background's death, and the list that clears it leads back to the client.
pub async fn a_missed_call_is_counted_found_and_called_back(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let answered = talking(stage).await?;
    stage.control.hang_up(&answered).await?;
    stage.control.registered(&answered).await?;
    missed(stage).await?;
    badge(stage, "1").await?;
    stage.browser.stop_background().await?;
    Options::open(stage).await?;
    missed(stage).await?;
    badge(stage, "2").await?;
    let popup = stage.popup().await?;
    popup.count("#recent .call", 3).await?;
    popup.count("#recent [data-new]", 2).await?;
    badge(stage, "").await?;
    popup.click("#filters label:has([value=missed])").await?;
    popup.count("#recent .call", 2).await?;
    // Arrows lead from one filter to the next.
    popup.press(Key::Right).await?;
    popup.element("#filters [value=inbound]:checked").await?;
    popup.count("#recent .call", 3).await?;
    popup.press(Key::Right).await?;
    popup.says("#no-recent", "popup_noneFound").await?;
    popup.click("#filters label:has([value=all])").await?;
    popup.click("#search").await?;
    popup.press("8 945 123").await?;
    popup.count("#recent .call", 3).await?;
    popup.press("77").await?;
    popup.count("#recent .call", 0).await?;
    popup.press(Key::Backspace + Key::Backspace).await?;
    popup.count("#recent .call", 3).await?;
    let focus = "document.querySelector('#recent .caller').focus()";
    stage.browser.script::<Value>(focus, Vec::new()).await?;
    popup.press(Key::Down).await?;
    has_the_focus(stage, "#recent .call:nth-child(2) .caller").await?;
    popup.press(Key::Enter).await?;
    let call = stage.control.dialled(CLIENT).await?;
    popup.element("#current .call[data-direction=outbound]").await?;
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await?;
    popup.count("#recent .call", 4).await
}

/// The list is read a page at a time, whatever people are called in it.
pub async fn five_thousand_calls_are_paged_and_searched(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    stage.browser.open(&stage.browser.page("popup/popup.html")).await?;
    let script = "const done = arguments[0];
        const request = indexedDB.open('trubka');
        request.onsuccess = () => {
            const transaction = request.result.transaction('calls', 'readwrite');
            const names = ['<img src=x onerror=document.title=1>', '😀👩‍👩‍👧‍👦', '\\u202Eслева направо', 'Длинное'.repeat(43)];
            for (let n = 0; n < 5000; n += 1) {
                const startedAt = 1700000000000 + n * 60000;
                const call = {
                    id: `seeded-${n}`, exchange: 'phonet', direction: 'inbound', phase: 'ended', answered: n % 2 === 0, missed: n % 2 === 1,
                    client: { name: `${names[n % 4]} № ${n}`, number: '+7 916 123-45-67' }, callBack: '+79161234567', startedAt,
                    endedAt: startedAt + 5000, links: [], canHangUp: false, delivery: { state: 'delivered' }, recording: { state: 'none' },
                };
                transaction.objectStore('calls').put(JSON.stringify(call), `${String(startedAt).padStart(15, '0')}.seeded-${n}`);
            }
            transaction.oncomplete = () => { request.result.close(); done(true); };
        };";
    stage.browser.web().execute_async(script, Vec::new()).await?;
    let popup = stage.popup().await?;
    popup.element("#recent .call:nth-child(40)").await?;
    let first = popup.element("#recent .call:first-child .who").await?.text().await?;
    ensure!(first.ends_with("№ 4999"), "the newest is {first}");
    let shown = stage.browser.web().find_all(By::Css("#recent .call")).await?.len();
    ensure!(shown <= 200, "{shown} are shown at once");
    let scroll = "window.scrollTo(0, document.documentElement.scrollHeight)";
    until("more of them where the list ends", async || {
        stage.browser.script::<Value>(scroll, Vec::new()).await?;
        stage.browser.find("#recent .call:nth-child(400)").await
    })
    .await?;
    let overflow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    ensure!(stage.browser.script::<i32>(overflow, Vec::new()).await? <= 0, "a name makes it too wide");
    // It has scrolled away under the bar above.
    stage.browser.script::<Value>("scrollTo(0, 0); return null", Vec::new()).await?;
    popup.click("#search").await?;
    popup.press("СЛЕВА 499").await?;
    popup.count("#recent .call", 3).await?;
    popup.press("8").await?;
    popup.count("#recent .call", 1).await?;
    ensure!(stage.browser.find("#recent img").await?.is_none(), "a name is read as markup");
    Ok(())
}

/// Whose browser speaks none of its languages reads Russian.
pub async fn in_a_language_that_is_missing_it_speaks_russian(stage: &Stage) -> Result<()> {
    let abroad = stage.of(User { language: "de", ..User::default() }).await?;
    let outcome = speaks_russian(&abroad).await;
    abroad.close().await?;
    outcome
}

async fn speaks_russian(abroad: &Stage) -> Result<()> {
    let options = Options::open(abroad).await?;
    let language: String = abroad.browser.script("return chrome.i18n.getUILanguage()", Vec::new()).await?;
    ensure!(language.starts_with("de"), "the browser speaks {language}");
    speaks_no_other(abroad, "the options").await?;
    options.import(SETTINGS).await?;
    options.saved().await?;
    let popup = abroad.popup().await?;
    popup.link("live").await?;
    popup.says("#link-state", "link_live").await?;
    speaks_no_other(abroad, "the popup").await
}

/// Every text of the page that is looked at is there, and it is said to be Russian.
async fn speaks_no_other(abroad: &Stage, page: &str) -> Result<()> {
    let language: String = abroad.browser.script("return document.documentElement.lang", Vec::new()).await?;
    ensure!(language == "ru", "{page} says that it speaks {language}");
    let foreign = "return [...document.querySelectorAll('[data-i18n]')]
        .filter(({ textContent }) => !/[а-яё]|CRM|UIS|Phonet/i.test(textContent)).map(({ dataset }) => dataset.i18n)";
    let foreign: Vec<String> = abroad.browser.script(foreign, Vec::new()).await?;
    ensure!(foreign.is_empty(), "in {page} are not Russian: {foreign:?}");
    Ok(())
}

/// Waits until the button in the toolbar has this badge. Any page of the extension sees it.
async fn badge(stage: &Stage, wanted: &str) -> Result<()> {
    let script = "(globalThis.browser ?? chrome).action.getBadgeText({}).then(arguments[0])";
    until(&format!("the badge {wanted:?}"), async || {
        let text: String = stage.browser.web().execute_async(script, Vec::new()).await?.convert()?;
        ensure!(text == wanted, "it is {text:?}");
        Ok(Some(()))
    })
    .await
}

/// A call that nobody answered.
async fn missed(stage: &Stage) -> Result<String> {
    let call = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await?;
    Ok(call)
}

/// A client talks with 001.
async fn talking(stage: &Stage) -> Result<String> {
    let call = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
    stage.control.answer(&call).await?;
    stage.control.wait(&format!("event:{call}:connected")).await?;
    Ok(call)
}

/// A call of which the CRM has refused a request, for good.
async fn refused(stage: &Stage, path: &str) -> Result<String> {
    stage.control.act("fault", &json!({ "service": "kontur", "path": path, "status": 400, "count": 1 })).await?;
    let call = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
    stage.control.hang_up(&call).await?;
    until("the CRM to refuse it", async || {
        let refused = |entry: &Entry| entry.status == 400 && entry.path.ends_with(path);
        let of_call = |entry: &Entry| entry.request.pointer("/externalId").and_then(Value::as_str) == Some(&call);
        Ok(stage.control.ledger().await?.iter().any(|entry| refused(entry) && of_call(entry)).then_some(()))
    })
    .await?;
    Ok(call)
}

/// Waits until an element has the focus; a window that is not in front matches no `:focus`.
async fn has_the_focus(stage: &Stage, css: &str) -> Result<()> {
    until(&format!("{css} to have the focus"), async || {
        let script = "const { activeElement: it } = document; return [it.matches(arguments[0]), it.outerHTML.slice(0, 200), document.hasFocus()]";
        let (matches, it, is_in_front): (bool, String, bool) = stage.browser.script(script, vec![css.into()]).await?;
        ensure!(matches, "it is {it}, in front: {is_in_front}");
        Ok(Some(()))
    })
    .await
}

//! Settings that cannot be right.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde::Serialize;
use serde_json::{Value, json};
use thirtyfour::Key;
use trubka_e2e::{Options, SETTINGS, Stage, until};

/// How long the options may take to open with the longest list of employees.
const OPENING: Duration = Duration::from_secs(10);

pub async fn an_unknown_key_is_named(stage: &Stage) -> Result<()> {
    refused(stage, "/phonet/colour", json!("blue"), "problem_settingsUnknownKey", "phonet.colour").await
}

pub async fn a_wrong_type_is_named(stage: &Stage) -> Result<()> {
    refused(stage, "/phonet/subscriber", json!(1), "problem_settingsWrongType", "phonet.subscriber").await
}

/// Every step says how it stands, and one that fails what to do; what cannot be tried then is not.
pub async fn the_check_says_what_is_wrong(stage: &Stage) -> Result<()> {
    let options = Options::open(stage).await?;
    options.import(&changed(&[("/kontur/apiKey", "wrong")])?).await?;
    options.saved().await?;
    options.click("#check").await?;
    options.says("#checks [data-step=konturKey][data-state=failed]", "problem_konturKeyRefused").await?;
    for step in
        ["phonetPermission", "phonetReachable", "phonetKey", "phonetSubscriber", "phonetLink", "konturReachable"]
    {
        options.says(&format!("#checks [data-step={step}][data-state=passed]"), "checked_passed").await?;
    }
    for step in ["konturWorkspace", "konturIntegration", "konturUser"] {
        options.has(&format!("#checks [data-step={step}][data-state=notTried]")).await?;
    }
    options.enter("#kontur-apiKey", "sandbox-kontur-key").await?;
    options.saved().await?;
    options.click("#check").await?;
    for step in ["konturWorkspace", "konturIntegration", "konturUser"] {
        options.has(&format!("#checks [data-step={step}][data-state=passed]")).await?;
    }
    Ok(())
}

/// The browser has to be asked within a click, which an import is not.
pub async fn a_file_that_wants_notifications_leads_to_the_browsers_question(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let options = Options::open(stage).await?;
    options.has("#permission[hidden]").await?;
    options.import(&changed(&[("/interface", json!({ "notifications": "named" }))])?).await?;
    options.saved().await?;
    options.says("#permission-text", "options_notificationsWithheld").await?;
    options.choose("#interface-notifications", "off").await?;
    options.has("#permission[hidden]").await
}

/// A field is saved when it is left; one that is wrong says why, stays unsaved, and keeps nothing else from being saved.
pub async fn what_is_typed_is_saved_and_can_be_undone(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let options = Options::open(stage).await?;
    options.enter("#phonet-subscriber", "nobody").await?;
    let said = options.says("#phonet-subscriber-error", "problem_settingsWrongValue").await?;
    ensure!(stage.says(&said, "options_phonetSubscriber")?, "{said:?} does not name the field");
    options.has("[data-nav=exchange][data-wrong]").await?;
    options.enter("#kontur-cards-deal", "https://crm.kontur.ru/deals/{id}").await?;
    options.saved().await?;
    let other = Options::open(stage).await?;
    ensure!(other.value("#phonet-subscriber").await? == "001", "what is wrong was saved");
    ensure!(other.value("#kontur-cards-deal").await?.ends_with("/deals/{id}"), "what is right was not saved");
    other.click("#undo").await?;
    other.says("#saved", "options_undone").await?;
    ensure!(other.value("#kontur-cards-deal").await?.contains("/app/"), "it is not undone");
    // Undone as well: the settings of before there were any; and then there is nothing left.
    other.click("#undo").await?;
    other.has("#undo[hidden]").await?;
    ensure!(other.value("#phonet-subscriber").await?.is_empty(), "the import is not undone");
    Ok(())
}

/// A secret that is given up while it is being written stays as it was saved; its button takes it away.
pub async fn a_secret_goes_by_its_button_alone(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let options = Options::open(stage).await?;
    let nothing = Key::Delete.value().to_string();
    options.enter("#phonet-apiKey", "два слова").await?;
    options.says("#phonet-apiKey-error", "problem_settingsWrongValue").await?;
    options.enter("#phonet-apiKey", &nothing).await?;
    options.has("#phonet-apiKey:not([aria-invalid])").await?;
    // The page is left while the field still has the focus.
    options.write("#kontur-apiKey", "x").await?;
    options.write("#kontur-apiKey", &nothing).await?;
    let other = Options::open(stage).await?;
    let saved = stage.message("options_secretSaved")?;
    for field in ["phonet", "kontur"] {
        other.has(&format!("#{field}-apiKey[placeholder='{saved}']")).await?;
    }
    stage.popup().await?.link("live").await?;
    let again = Options::open(stage).await?;
    // The topic looked at, clicked while something is searched for, is shown again.
    again.topic("exchange").await?;
    again.write("#search", "релей").await?;
    again.has("#topic-exchange[hidden]").await?;
    again.topic("exchange").await?;
    again.click("#phonet-apiKey-clear").await?;
    again.saved().await?;
    again.has("#phonet-apiKey[placeholder='']:focus").await?;
    again.has("body:not(:has(#phonet-apiKey-clear))").await?;
    again.write("#phonet-apiKey", "sandbox-phonet-key").await?;
    again.has("#saved:empty").await?;
    again.enter("#phonet-apiKey", "sandbox-phonet-key").await?;
    again.saved().await?;
    stage.popup().await?.link("live").await
}

/// A settings file with its keys is closed by a passphrase, and opened by no other.
pub async fn a_file_with_keys_is_closed_by_a_passphrase(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let options = Options::open(stage).await?;
    let script = "URL.createObjectURL = (blob) => (blob.text().then((text) => (window.sealed = text)), 'about:blank');
        HTMLAnchorElement.prototype.click = () => {};";
    stage.browser.script::<()>(script, Vec::new()).await?;
    options.click("#export-sealed").await?;
    options.write("#phrase-text", "короткая").await?;
    options.click("#phrase-ok").await?;
    options.says("#phrase-problem", "options_phraseShort").await?;
    for field in ["#phrase-text", "#phrase-again"] {
        options.write(field, "тихий осенний вечер").await?;
    }
    options.click("#phrase-ok").await?;
    let sealed: String =
        until("the file", async || stage.browser.script("return window.sealed ?? null", Vec::new()).await).await?;
    ensure!(!sealed.contains("sandbox-phonet-key") && !sealed.contains("demo.phonet"), "it is not closed");
    options.click("#reset").await?;
    options.click("#reset-dialog [value=reset]").await?;
    options.says("#saved", "options_resetDone").await?;
    ensure!(options.value("#phonet-domain").await?.is_empty(), "it is not reset");
    options.import(&sealed).await?;
    options.has("#phrase[open]").await?;
    options.write("#phrase-text", "другая длинная фраза").await?;
    options.click("#phrase-ok").await?;
    options.says("#phrase-problem", "options_phraseWrong").await?;
    options.write("#phrase-text", "тихий осенний вечер").await?;
    options.click("#phrase-ok").await?;
    options.has("#phrase:not([open])").await?;
    options.saved().await?;
    stage.popup().await?.link("live").await
}

/// A list from a table program, in the encoding of old, is shown before it is taken; so are the exchange's users.
pub async fn employees_come_from_a_file_and_from_the_exchange(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let options = Options::open(stage).await?;
    // windows-1251: «номер;имя», «003;Вера», a line without a number.
    let csv =
        [b"\xed\xee\xec\xe5\xf0;\xe8\xec\xff\r\n003;\xc2\xe5\xf0\xe0\r\n001;\xc0\xed\xed\xe0\r\nx;y\r\n".as_slice()]
            .concat();
    options.choose_file("#people-file", "people.csv", &csv).await?;
    options.says("#people-problems", "problem_peopleNoExt").await?;
    ensure!(options.text("#people-list").await?.contains("Вера"), "the preview lacks Вера");
    ensure!(options.value("#directory-0-name").await? == "Анна Смирнова", "it was taken at once");
    options.click("#people-add").await?;
    options.saved().await?;
    ensure!(options.value("#directory-2-name").await? == "Вера", "it was not taken");
    let id = options.value("#directory-0-userId").await?;
    ensure!(
        id.ends_with("0001") && options.value("#directory-0-name").await? == "Анна",
        "what the file leaves out is lost"
    );
    options.click("#people-phonet").await?;
    options.has("#people-list li:nth-child(2)").await?;
    options.click("#people-replace").await?;
    options.has("#directory-rows tr:nth-child(2):last-child").await?;
    ensure!(options.value("#directory-0-name").await? == "Анна Смирнова", "the exchange's name is not taken");
    // A row with something wrong keeps the others from nothing.
    options.enter("#directory-0-userId", "кто-то").await?;
    options.says("#directory-0-userId-error", "problem_settingsWrongValue").await?;
    options.enter("#directory-1-name", "Борис").await?;
    options.saved().await?;
    let other = Options::open(stage).await?;
    ensure!(other.value("#directory-1-name").await? == "Борис", "the other row is not saved");
    Ok(())
}

/// Whatever happens to the list, a row that is still being written says what was written, and what is wrong with it.
pub async fn a_row_half_written_is_not_lost(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let options = Options::open(stage).await?;
    options.click("#directory-add").await?;
    options.enter("#directory-2-name", "Глеб").await?;
    options.click("#directory-add").await?;
    options.enter("#directory-3-ext", "004").await?;
    options.says("#directory-2-ext-error", "problem_settingsMissing").await?;
    options.saved().await?;
    options.click("#directory-add").await?;
    options.says("#directory-2-ext-error", "problem_settingsMissing").await?;
    options.choose_file("#people-file", "people.csv", "ext;name\n005;Дина\n".as_bytes()).await?;
    options.click("#people-add").await?;
    options.says("#people-state", "options_peopleTaken").await?;
    ensure!(options.value("#directory-2-name").await? == "Глеб", "a list from elsewhere takes the row away");
    options.says("#directory-2-ext-error", "problem_settingsMissing").await?;
    options.click("#directory-rows tr:first-child .remove").await?;
    options.says("#directory-1-ext-error", "problem_settingsMissing").await?;
    options.enter("#directory-1-ext", "003").await?;
    options.has("#directory-rows:not(:has([aria-invalid]))").await?;
    options.saved().await?;
    let other = Options::open(stage).await?;
    for (row, name) in ["Борис Орлов", "Глеб", "", "Дина"].into_iter().enumerate() {
        let shown = other.value(&format!("#directory-{row}-name")).await?;
        ensure!(shown == name, "row {row} is {shown:?} and not {name:?}");
    }
    Ok(())
}

pub async fn the_longest_list_of_employees_holds_nobody_up(stage: &Stage) -> Result<()> {
    let all: Vec<_> = (0..5_000).map(|ext| json!({ "ext": ext.to_string(), "name": "Анна" })).collect();
    stage.configure(&changed(&[("/directory", all)])?).await?;
    let began = Instant::now();
    Options::open(stage).await?.has("#directory-4999-name").await?;
    ensure!(began.elapsed() < OPENING, "the options took {:?}", began.elapsed());
    Ok(())
}

/// What an administrator has locked is in force, says so, and cannot be changed; a preset can.
pub async fn an_administrator_presets_and_locks(stage: &mut Stage) -> Result<()> {
    stage.under_policies(governed).await
}

async fn governed(stage: &mut Stage) -> Result<()> {
    let policy = json!({
        "preset": { "region": "UA", "directory": [{ "ext": "001", "name": "Анна" }] },
        "locked": { "phonet": { "domain": "demo.phonet.com.ua" }, "uis": { "login": "anna" }, "sites": ["https://crm.kontur.ru"],
            "kontur": { "workspace": "sandbox", "recordings": false, "cards": { "deal": "nowhere" } } }
    });
    let _policy = stage.browser.govern(&policy).await?;
    let options = Options::open(stage).await?;
    options.has("#phonet-domain[readonly]").await?;
    ensure!(options.value("#phonet-domain").await? == "demo.phonet.com.ua", "the locked value is not shown");
    options.says("#phonet-domain-lock", "options_locked").await?;
    options.says("#sites-lock", "options_locked").await?;
    options.has("#kontur-recordings:disabled").await?;
    options.says("#region-muted", "options_presetChoice").await?;
    options.choose("#region", "RU").await?;
    options.click("#region-clear").await?;
    options.has("#region:focus").await?;
    ensure!(options.value("#region").await? == "UA", "the administrator's value does not come back");
    // What no value can be; what no setting is, Chrome does not let through.
    options.says("#policy-problems", "problem_settingsWrongValue").await?;
    for (field, text) in [
        ("#phonet-apiKey", "sandbox-phonet-key"),
        ("#phonet-subscriber", "001"),
        ("#kontur-apiKey", "sandbox-kontur-key"),
        ("#uis-password", "secret"),
    ] {
        options.enter(field, text).await?;
        options.saved().await?;
    }
    options.has(&format!("#uis-password[placeholder='{}']", stage.message("options_secretSaved")?)).await?;
    stage.control.wait("socket:001").await?;
    let message = json!({ "kind": "changeSettings", "changes": { "kontur.workspace": "other" } });
    let ask =
        "const [message, done] = arguments; (globalThis.browser ?? chrome).runtime.sendMessage(message).then(done)";
    let answer: Value = stage.browser.web().execute_async(ask, vec![message]).await?.convert()?;
    ensure!(answer.pointer("/problems/0/code") == Some(&json!("settingsLocked")), "the core takes it: {answer}");
    Ok(())
}

/// Imports a file with one thing wrong; what was saved before stays.
async fn refused(stage: &Stage, pointer: &str, value: Value, problem: &str, path: &str) -> Result<()> {
    stage.connect().await?;
    let options = Options::open(stage).await?;
    options.import(&changed(&[(pointer, value)])?).await?;
    let sentence = options.says("#problems", problem).await?;
    ensure!(sentence.contains(path), "{sentence:?} does not name {path}");
    stage.popup().await?.link("live").await
}

/// Imports the sandbox's settings with one value changed.
pub async fn configure(stage: &Stage, pointer: &str, value: &str) -> Result<()> {
    stage.configure(&changed(&[(pointer, value)])?).await
}

/// The sandbox's settings with some values put in.
pub fn changed(changes: &[(&str, impl Serialize)]) -> Result<String> {
    let mut settings: Value = serde_json::from_str(SETTINGS)?;
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').unwrap_or(("", pointer));
        if let Some(Value::Object(parent)) = settings.pointer_mut(parent) {
            parent.insert(key.to_owned(), json!(value));
        }
    }
    Ok(settings.to_string())
}

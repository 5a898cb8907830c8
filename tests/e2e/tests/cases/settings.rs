//! Settings that cannot be right.

use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json};
use trubka_e2e::{Options, SETTINGS, Stage};

pub async fn an_unknown_key_is_named(stage: &Stage) -> Result<()> {
    refused(stage, "/phonet/colour", json!("blue"), "problem_settingsUnknownKey", "phonet.colour").await
}

pub async fn a_wrong_type_is_named(stage: &Stage) -> Result<()> {
    refused(stage, "/phonet/subscriber", json!(1), "problem_settingsWrongType", "phonet.subscriber").await
}

pub async fn the_check_says_what_is_wrong(stage: &Stage) -> Result<()> {
    let options = Options::open(stage).await?;
    options.import(&changed(&[("/kontur/apiKey", "wrong")])?).await?;
    options.saved().await?;
    options.click("#check").await?;
    options.says("#checks [data-step=konturKey][data-ok=false]", "problem_konturKeyRefused").await?;
    for step in ["phonetKey", "phonetSubscriber", "phonetLink"] {
        options.says(&format!("#checks [data-step={step}][data-ok=true]"), "options_checkOk").await?;
    }
    Ok(())
}

/// Imports a file with one thing wrong; what was saved before stays.
async fn refused(stage: &Stage, pointer: &str, value: Value, problem: &str, path: &str) -> Result<()> {
    stage.connect().await?;
    let options = Options::open(stage).await?;
    options.import(&changed(&[(pointer, value)])?).await?;
    let sentence = options.says("#problems", problem).await?;
    anyhow::ensure!(sentence.contains(path), "{sentence:?} does not name {path}");
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

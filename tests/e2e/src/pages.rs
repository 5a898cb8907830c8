//! The pages a user looks at: the CRM's with our buttons and cards, the popup, the options.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use thirtyfour::{By, Key, TypingData, WebElement};

use crate::{
    PATIENCE, Stage, Tab,
    wait::{until, until_within},
};

/// A page of the CRM in a tab of its own.
pub struct CrmPage<'a> {
    stage: &'a Stage,
    tab: Tab,
}

/// What one of our buttons shows.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct CallButton {
    /// What a screen reader says of it: the number, and where a call did not come about, why.
    pub name: String,
    /// How far its number's dial is.
    pub phase: String,
    /// The id of the page's element that it is in, the nearest that has one.
    pub place: String,
}

/// What the CRM's own panel of a call shows that its user asked for.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Calling {
    /// The communication's id.
    pub communication: String,
    /// How far the call is.
    pub state: String,
    /// Why something failed, empty where nothing did.
    pub error: String,
}

impl CallButton {
    fn is_for(&self, number: &str) -> bool {
        digits(&self.name).contains(number)
    }
}

impl<'a> CrmPage<'a> {
    /// Opens this address in a tab of its own.
    pub async fn open(stage: &'a Stage, url: &str) -> Result<Self> {
        let tab = stage.browser.open(url).await?;
        Ok(Self { stage, tab })
    }

    /// Opens a page to try the extension on, in a tab of its own.
    pub async fn lab(stage: &'a Stage, path: &str) -> Result<Self> {
        Self::open(stage, &format!("https://crm.kontur.ru/lab/{path}")).await
    }

    /// Looks at it again after another tab was looked at.
    pub async fn show(&self) -> Result<()> {
        self.stage.browser.show(&self.tab).await
    }

    /// Every button on it.
    pub async fn buttons(&self) -> Result<Vec<CallButton>> {
        let mut roots = Vec::new();
        for host in self.hosts().await? {
            roots.push(self.stage.browser.shadow(&host).await?);
        }
        let script = "return Array.from(arguments, (root) => {
            const button = root.querySelector('button');
            const place = root.host.closest('[id]') ?? root.host.getRootNode().host?.closest('[id]');
            return { name: button.ariaLabel, phase: button.dataset.phase, place: place?.id ?? '' };
        })";
        self.stage.browser.script(script, roots).await
    }

    /// Waits until the first button for `number` (digits) is as wanted.
    pub async fn button(&self, number: &str, what: &str, wanted: impl Fn(&CallButton) -> bool) -> Result<CallButton> {
        until(&format!("a button for {number} that {what}"), async || {
            let buttons = self.buttons().await?;
            let first = buttons.iter().find(|button| button.is_for(number));
            let first = first.with_context(|| format!("only {buttons:?}"))?;
            ensure!(wanted(first), "it is {first:?}");
            Ok(Some(first.clone()))
        })
        .await
    }

    /// Waits until the button for `number` (digits) shows `phase`.
    pub async fn phase(&self, number: &str, phase: &str) -> Result<CallButton> {
        self.button(number, &format!("is {phase}"), |button| button.phase == phase).await
    }

    /// Clicks the button for `number` (digits) as a person does, as soon as there is one.
    pub async fn click(&self, number: &str) -> Result<()> {
        until(&format!("a button for {number} to click"), async || {
            let Some(button) = self.target(number).await? else { return Ok(None) };
            Ok(Some(button.click().await?))
        })
        .await
    }

    /// Clicks it twice, as fast as a double click is.
    pub async fn double_click(&self, number: &str) -> Result<()> {
        let button = until(&format!("a button for {number}"), async || self.target(number).await).await?;
        Ok(self.stage.browser.web().action_chain().double_click_element(&button).perform().await?)
    }

    async fn target(&self, number: &str) -> Result<Option<WebElement>> {
        for host in self.hosts().await? {
            let button = self.stage.browser.find_in_shadow(&host, "button").await?;
            if digits(&button.attr("aria-label").await?.unwrap_or_default()).contains(number) {
                return Ok(Some(button));
            }
        }
        Ok(None)
    }

    /// The elements of our buttons, those in the page's open shadow trees among them.
    pub async fn hosts(&self) -> Result<Vec<WebElement>> {
        let script = "const hosts = [];
            const seek = (root) => {
                for (const element of root.querySelectorAll('*')) {
                    if (element.localName === 'trubka-call') hosts.push(element);
                    if (element.shadowRoot) seek(element.shadowRoot);
                }
            };
            seek(document);
            return hosts;";
        Ok(self.stage.browser.web().execute(script, Vec::new()).await?.elements()?)
    }

    /// Waits until exactly these numbers (digits) have a button, each in the element of this id.
    pub async fn has_buttons(&self, wanted: &[(&str, &str)]) -> Result<()> {
        let wanted: BTreeSet<_> = wanted.iter().map(|&(place, number)| (place.to_owned(), number.to_owned())).collect();
        until("the right buttons", async || {
            let buttons = self.buttons().await?;
            let count = buttons.len();
            let found: BTreeSet<_> =
                buttons.into_iter().map(|CallButton { place, name, .. }| (place, digits(&name))).collect();
            let lacking: Vec<_> = wanted.difference(&found).collect();
            let wrong: Vec<_> = found.difference(&wanted).collect();
            ensure!(lacking.is_empty() && wrong.is_empty(), "lacking: {lacking:?}, wrong: {wrong:?}");
            ensure!(count == wanted.len(), "{count} buttons for {} numbers", wanted.len());
            Ok(Some(()))
        })
        .await
    }

    /// Presses the CRM's own «Позвонить» beside a number (as the card shows it).
    pub async fn press_call(&self, number: &str) -> Result<()> {
        let css = format!(".phone .call[aria-label='Позвонить {number}']");
        until(&format!("the CRM's button for {number}"), async || {
            let button = self.stage.browser.find(&css).await?.context("it is not there")?;
            Ok(Some(button.click().await?))
        })
        .await
    }

    /// Waits until the CRM's panel of the call shows this state.
    pub async fn calling(&self, state: &str) -> Result<Calling> {
        until(&format!("the CRM's panel to be {state}"), async || {
            let script = "const panel = document.querySelector('.calling');
                const { communication, state } = panel.dataset;
                return { communication, state, error: panel.querySelector('[role=alert]').textContent }";
            let calling: Calling = self.stage.browser.script(script, Vec::new()).await?;
            ensure!(calling.state == state, "it is {calling:?}");
            Ok(Some(calling))
        })
        .await
    }

    /// Presses the panel's «Положить трубку».
    pub async fn press_hang_up(&self) -> Result<()> {
        until("the CRM's button to hang up", async || {
            let button = self.stage.browser.find(".calling .hang-up:enabled").await?.context("it is not there")?;
            Ok(Some(button.click().await?))
        })
        .await
    }

    /// Lets the page's own script do something.
    pub async fn run(&self, script: &str) -> Result<()> {
        self.stage.browser.script::<serde_json::Value>(script, Vec::new()).await.map(drop)
    }

    /// The words of our cards, empty when there is none.
    pub async fn card(&self) -> Result<String> {
        let Some(host) = self.stage.browser.find("trubka-card").await? else { return Ok(String::new()) };
        let root = self.stage.browser.shadow(&host).await?;
        let script =
            "return Array.from(arguments[0].querySelectorAll('article'), (card) => card.innerText).join('\\n')";
        self.stage.browser.script(script, vec![root]).await
    }

    /// Waits until the cards say something in particular.
    pub async fn card_that(&self, what: &str, wanted: impl Fn(&str) -> bool) -> Result<String> {
        until(&format!("a card that {what}"), async || {
            let card = self.card().await?;
            ensure!(wanted(&card), "it says {card:?}");
            Ok(Some(card))
        })
        .await
    }

    /// Hangs up by the card's button.
    pub async fn hang_up_on_card(&self) -> Result<()> {
        Ok(self.on_card(".hang-up").await?.click().await?)
    }

    /// What the cards' closed root answers to a script, whose argument it is; nothing when there is none.
    pub async fn in_cards<T: serde::de::DeserializeOwned>(&self, script: &str) -> Result<T> {
        let host = self.stage.browser.find("trubka-card").await?.context("no card")?;
        let root = self.stage.browser.shadow(&host).await?;
        self.stage.browser.script(script, vec![root]).await
    }

    /// An element of the cards, in sight: chromedriver does not scroll within a shadow root.
    pub async fn on_card(&self, css: &str) -> Result<WebElement> {
        let element = until(&format!("{css} on the card"), async || {
            let host = self.stage.browser.find("trubka-card").await?.context("no card")?;
            Ok(Some(self.stage.browser.find_in_shadow(&host, css).await?))
        })
        .await?;
        let script = "arguments[0].scrollIntoView({ block: 'nearest', behavior: 'instant' })";
        self.stage.browser.script::<()>(script, vec![element.to_json()?]).await?;
        Ok(element)
    }

    /// Where the cards' links lead.
    pub async fn card_links(&self) -> Result<Vec<String>> {
        self.in_cards("return Array.from(arguments[0].querySelectorAll('a'), (link) => link.href)").await
    }

    /// Waits until the page has rendered its rows anew so many times since now.
    pub async fn renderings(&self, count: u32) -> Result<()> {
        let script = "const [count, done] = arguments;
            let seen = 0;
            const observer = new MutationObserver(() => {
                seen += 1;
                if (seen < count) return;
                observer.disconnect();
                done(true);
            });
            observer.observe(document.body, { subtree: true, childList: true, characterData: true });";
        self.stage.browser.web().execute_async(script, vec![count.into()]).await.map(drop).map_err(Into::into)
    }

    /// Lets the page's own script write a number on it, as a page does that renders something new.
    pub async fn write(&self, text: &str) -> Result<()> {
        let script =
            "const row = document.createElement('p'); row.textContent = arguments[0]; document.body.prepend(row)";
        self.stage.browser.script(script, vec![text.into()]).await
    }

    /// How many errors the page's own scripts ran into.
    pub async fn errors(&self) -> Result<u32> {
        let script = "return Number(document.documentElement.dataset.crmErrors ?? 0)";
        self.stage.browser.script(script, Vec::new()).await
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// The popup in a tab of its own.
pub struct Popup<'a> {
    stage: &'a Stage,
}

impl<'a> Popup<'a> {
    pub(crate) async fn open(stage: &'a Stage) -> Result<Self> {
        stage.browser.open(&stage.browser.page("popup/popup.html")).await?;
        Ok(Self { stage })
    }

    /// Waits until the connection is shown to be in this state.
    pub async fn link(&self, state: &str) -> Result<()> {
        self.link_within(state, PATIENCE).await
    }

    /// The same where it takes longer than anything else.
    pub async fn link_within(&self, state: &str, patience: Duration) -> Result<()> {
        let css = format!("#link[data-state={state}]");
        until_within(patience, &format!("{css} in the popup"), async || self.stage.browser.find(&css).await)
            .await
            .map(drop)
    }

    /// Waits until an element matches.
    pub async fn element(&self, css: &str) -> Result<WebElement> {
        until(&format!("{css} in the popup"), async || self.stage.browser.find(css).await).await
    }

    /// Clicks an element as soon as that can be done.
    pub async fn click(&self, css: &str) -> Result<()> {
        until(&format!("{css} to click in the popup"), async || {
            let element = self.stage.browser.find(css).await?.context("it is not there")?;
            Ok(Some(element.click().await?))
        })
        .await
    }

    /// Waits until so many elements match.
    pub async fn count(&self, css: &str, wanted: usize) -> Result<()> {
        until(&format!("{wanted} of {css} in the popup"), async || {
            let count = self.stage.browser.web().find_all(By::Css(css)).await?.len();
            ensure!(count == wanted, "there are {count}");
            Ok(Some(()))
        })
        .await
    }

    /// Presses keys, for whatever has the focus.
    pub async fn press(&self, keys: impl Into<TypingData>) -> Result<()> {
        Ok(self.stage.browser.web().active_element().await?.send_keys(keys).await?)
    }

    /// Waits until an element's text holds the message `key`.
    pub async fn says(&self, css: &str, key: &str) -> Result<String> {
        says(self.stage, css, key).await
    }
}

/// The options in a tab of their own.
pub struct Options<'a> {
    stage: &'a Stage,
}

impl<'a> Options<'a> {
    /// Opens them and waits until they can be filled in.
    pub async fn open(stage: &'a Stage) -> Result<Self> {
        stage.browser.open(&stage.browser.page("options/options.html")).await?;
        until("the options", async || stage.browser.find("#settings:not([hidden])").await).await?;
        Ok(Self { stage })
    }

    /// Looks at a topic, by its name in the address.
    pub async fn topic(&self, name: &str) -> Result<()> {
        let link = self.stage.browser.find(&format!("[data-nav={name}]")).await?;
        link.with_context(|| format!("no topic {name}"))?.click().await?;
        let shown = format!("[data-topic={name}]:not([hidden])");
        until(&shown, async || self.stage.browser.find(&shown).await).await.map(drop)
    }

    /// Imports a settings file.
    pub async fn import(&self, text: &str) -> Result<()> {
        self.choose_file("#import-file", "settings.json", text.as_bytes()).await
    }

    /// Gives a file of this content to a field for files.
    pub async fn choose_file(&self, css: &str, name: &str, content: &[u8]) -> Result<()> {
        let file = self.stage.browser.folder().join(name);
        std::fs::write(&file, content)?;
        Ok(self.reach(css).await?.send_keys(file.display().to_string()).await?)
    }

    /// Waits until they say that the settings were taken.
    pub async fn saved(&self) -> Result<()> {
        until("the settings to be taken", async || {
            let problems = self.text("#problems").await?;
            ensure!(problems.is_empty(), "{problems}");
            Ok((!self.text("#saved").await?.is_empty()).then_some(()))
        })
        .await
    }

    /// Clicks a button, clear of what sticks to the page's edges.
    pub async fn click(&self, css: &str) -> Result<()> {
        Ok(self.reach(css).await?.click().await?)
    }

    /// Replaces what a field holds, as a person does.
    pub async fn write(&self, css: &str, text: &str) -> Result<()> {
        let field = self.reach(css).await?;
        field.send_keys(Key::Control + "a").await?;
        Ok(field.send_keys(text).await?)
    }

    /// Chooses the option of this value, as a person does at the keyboard.
    pub async fn choose(&self, css: &str, value: &str) -> Result<()> {
        // What is chosen on the way is saved, and the list may be made anew.
        until(&format!("{css} to be {value}"), async || {
            let select = self.reach(css).await?;
            let script = "const [{ options, selectedIndex }, value] = arguments;
                return [...options].findIndex((option) => option.value === value) - selectedIndex";
            let steps: i32 = self.stage.browser.script(script, vec![select.to_json()?, value.into()]).await?;
            if steps == 0 {
                return Ok(Some(()));
            }
            select.send_keys(if steps < 0 { Key::Up } else { Key::Down }).await?;
            Ok(None)
        })
        .await
    }

    /// Writes into a field and leaves it, as a person does: then it is saved.
    pub async fn enter(&self, css: &str, text: &str) -> Result<()> {
        self.write(css, text).await?;
        Ok(self.stage.browser.web().active_element().await?.send_keys(Key::Tab + "").await?)
    }

    /// Goes to the topic that an element is in, and to the element.
    async fn reach(&self, css: &str) -> Result<WebElement> {
        let element = self.stage.browser.find(css).await?.with_context(|| format!("no {css}"))?;
        let topic =
            "const topic = arguments[0].closest('[data-topic]'); return topic?.hidden ? topic.dataset.topic : null";
        let topic: Option<String> = self.stage.browser.script(topic, vec![element.to_json()?]).await?;
        if let Some(topic) = topic {
            self.topic(&topic).await?;
        }
        let script = "arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })";
        self.stage.browser.script::<()>(script, vec![element.to_json()?]).await?;
        Ok(element)
    }

    /// Waits until an element's text holds the message `key`.
    pub async fn says(&self, css: &str, key: &str) -> Result<String> {
        until(css, async || Ok(self.stage.browser.find(css).await?.map(drop))).await?;
        self.reach(css).await?;
        says(self.stage, css, key).await
    }

    /// Waits until an element matches.
    pub async fn has(&self, css: &str) -> Result<()> {
        until(&format!("{css} in the options"), async || self.stage.browser.find(css).await).await.map(drop)
    }

    /// What a field holds.
    pub async fn value(&self, css: &str) -> Result<String> {
        let field = self.stage.browser.find(css).await?.with_context(|| format!("no {css}"))?;
        Ok(field.prop("value").await?.unwrap_or_default())
    }

    /// The words of an element that is shown.
    pub async fn text(&self, css: &str) -> Result<String> {
        let element = self.stage.browser.find(css).await?.with_context(|| format!("no {css}"))?;
        Ok(element.text().await?)
    }
}

async fn says(stage: &Stage, css: &str, key: &str) -> Result<String> {
    until(&format!("{css} to say {key}"), async || {
        let element = stage.browser.find(css).await?.with_context(|| format!("no {css}"))?;
        let text = element.text().await?;
        ensure!(stage.says(&text, key)?, "it says {text:?}");
        Ok(Some(text))
    })
    .await
}

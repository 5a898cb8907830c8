//! What axe-core has against what a page shows.

use anyhow::{Context, Result, ensure};
use thirtyfour::WebElement;

use crate::{Browser, IconPopup, root};

/// All its rules that are on by default, best practices among them, and the one for targets of 24 pixels, which is not. Things that move
/// are let come to rest first: half-way their colours are no colours of ours. axe-core looks into open shadow trees alone, so it is told
/// of the closed ones that WebDriver knows.
const AUDIT: &str = "async (...roots) => {
    for (const root of roots) Object.defineProperty(root.host, 'shadowRoot', { value: root, configurable: true });
    const moving = [document, ...roots].flatMap((root) => root.getAnimations()).filter((animation) =>
        Number.isFinite(animation.effect?.getComputedTiming().endTime));
    await Promise.allSettled(moving.map(({ finished }) => finished));
    const context = roots.length > 0 ? { include: roots.map(({ host }) => host) } : document;
    const { violations } = await axe.run(context, { resultTypes: ['violations'], rules: { 'target-size': { enabled: true } } });
    return violations.flatMap(({ id, help, nodes }) =>
        nodes.map(({ target, failureSummary }) => `${id}: ${help}: ${target.flat().join(' ')}: ${failureSummary}`));
}";

impl Browser {
    /// Fails where axe-core finds fault with the page looked at.
    pub async fn audit(&self) -> Result<()> {
        let script = format!("{};\nreturn ({AUDIT})()", axe()?);
        content(self.script(&script, Vec::new()).await?)
    }

    /// Fails where it finds fault with these elements of ours, whose shadow roots are closed.
    pub async fn audit_hosts(&self, hosts: &[WebElement]) -> Result<()> {
        ensure!(!hosts.is_empty(), "there is nothing to look at");
        let mut roots = Vec::new();
        for host in hosts {
            roots.push(self.shadow(host).await?);
        }
        let script = format!("{};\nreturn ({AUDIT})(...arguments)", axe()?);
        content(self.script(&script, roots).await?)
    }
}

impl IconPopup<'_> {
    /// Fails where axe-core finds fault with it.
    pub async fn audit(&self) -> Result<()> {
        let found = self.evaluate(&format!("(() => {{ {};\nreturn ({AUDIT})() }})()", axe()?)).await?;
        content(serde_json::from_value(found)?)
    }
}

fn axe() -> Result<String> {
    let path = root().join("node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(path).context("axe-core is not installed; ./build.sh setup installs it")
}

fn content(violations: Vec<String>) -> Result<()> {
    ensure!(violations.is_empty(), "axe-core finds fault:\n  {}", violations.join("\n  "));
    Ok(())
}

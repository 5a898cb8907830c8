/** Settings that come from a file, go to one, or go altogether. */

/** @import { Message } from "../protocol.js" */

import { ask } from "../common/api.js";
import { byId, download, say } from "../common/dom.js";
import { refusal, t } from "../common/i18n.js";
import { askForSettings } from "../common/settings.js";
import { isSealed, seal, unseal } from "../common/sealed.js";

const file = byId("import-file", HTMLInputElement);
const dialog = byId("phrase", HTMLDialogElement);
const phraseForm = byId("phrase-form", HTMLFormElement);
const phraseText = byId("phrase-text", HTMLInputElement);
const phraseAgain = byId("phrase-again", HTMLInputElement);
const ok = byId("phrase-ok", HTMLButtonElement);
const resetting = byId("reset-dialog", HTMLDialogElement);

/** A shorter phrase is found by trying. */
const SHORTEST = 10;
/** No settings are larger. */
const LARGEST = 16_000_000;

/**
 * @param {(answer: Message | undefined, success: string) => Promise<void>} take shows settings that are in force now, or why they are not
 * @param {(sentences: string[]) => void} complain
 */
export function transfer(take, complain) {
  file.addEventListener("change", () => void importFile());
  byId("export").addEventListener("click", () => void save(false));
  byId("export-sealed").addEventListener("click", () => void save(true));
  byId("reset").addEventListener("click", () => resetting.showModal());
  resetting.addEventListener("close", async () => {
    if (resetting.returnValue !== "reset") return;
    resetting.returnValue = "";
    await take(await askForSettings({ kind: "resetSettings" }), t("options_resetDone"));
  });

  async function importFile() {
    const [chosen] = file.files ?? [];
    if (!chosen) return;
    const text = chosen.size > LARGEST ? undefined : await chosen.text();
    // The same file can be chosen again.
    file.value = "";
    if (text === undefined) return complain([t("options_importTooLarge", chosen.name)]);
    let document_ = /** @type {string | undefined} */ (text);
    if (isSealed(text)) {
      document_ = undefined;
      await withPhrase(t("options_phraseOpen", chosen.name), t("options_phraseOpenHint"), false, async (phrase) => {
        document_ = await unseal(text, phrase);
        return document_ === undefined ? t("options_phraseWrong") : "";
      });
    }
    if (document_ === undefined) return;
    await take(await askForSettings({ kind: "saveSettings", document: document_ }), t("options_imported", chosen.name));
  }

  /** @param {boolean} secrets */
  async function save(secrets) {
    const answer = await ask({ kind: "exportSettings", secrets });
    if (answer?.kind !== "exported") return complain([refusal(answer)]);
    const text = `${JSON.stringify(JSON.parse(answer.document), undefined, 2)}\n`;
    if (!secrets) return download("trubka-settings.json", "application/json", text);
    await withPhrase(t("options_phraseNew"), t("options_phraseNewHint", String(SHORTEST)), true, async (phrase, signal) => {
      if ([...phrase].length < SHORTEST) return t("options_phraseShort", String(SHORTEST));
      if (phrase !== phraseAgain.value) return t("options_phraseDiffers");
      const sealed = await seal(text, phrase);
      if (!signal.aborted) download("trubka-settings-sealed.json", "application/json", sealed);
      return "";
    });
  }
}

/**
 * Asks for a passphrase until it is right, or nobody wants to give one.
 * @param {string} title
 * @param {string} hint
 * @param {boolean} twice
 * @param {(phrase: string, signal: AbortSignal) => Promise<string>} use says what is wrong with it; the signal, that nobody wants it any more
 * @returns {Promise<void>}
 */
function withPhrase(title, hint, twice, use) {
  byId("phrase-title").textContent = title;
  byId("phrase-hint").textContent = hint;
  byId("phrase-twice").hidden = !twice;
  say(byId("phrase-problem"), "");
  dialog.showModal();
  phraseText.focus();
  const done = new AbortController();
  const { signal } = done;
  byId("phrase-cancel").addEventListener("click", () => dialog.close(), { signal });
  phraseForm.addEventListener(
    "submit",
    async (event) => {
      event.preventDefault();
      if (ok.disabled) return;
      ok.disabled = true;
      const wrong = await use(phraseText.value, signal);
      ok.disabled = false;
      if (signal.aborted) return;
      say(byId("phrase-problem"), wrong);
      if (wrong) phraseText.select();
      else dialog.close();
    },
    { signal },
  );
  return new Promise((resolve) => {
    const close = () => {
      phraseText.value = "";
      phraseAgain.value = "";
      done.abort();
      resolve();
    };
    dialog.addEventListener("close", close, { once: true });
  });
}

//! Where numbers are found on a page, and where never; what the page changes is followed.

use anyhow::{Context, Result, ensure};
use thirtyfour::By;
use trubka_e2e::{CrmPage, Stage, until};

/// The numbers of the page and where they stand.
const NUMBERS: &[(&str, &str)] = &[
    ("plain", "79123456701"),
    ("split", "79123456702"),
    ("spans", "79123456703"),
    ("link", "79123456704"),
    ("callto", "79123456705"),
    ("readonly", "79123456706"),
    ("disabled", "79123456707"),
    ("fieldset", "79123456708"),
    ("in-shadow", "79123456709"),
    ("slot", "79123456710"),
    ("hidden", "79123456711"),
    ("contained", "79123456712"),
    ("two", "79123456713"),
    ("two", "79123456714"),
    ("apart", "79123456715"),
    ("apart", "79123456716"),
    ("phone", "79123456717"),
    ("value", "79123456719"),
];

pub async fn numbers_are_found_wherever_they_are_shown(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    CrmPage::lab(stage, "walk.html").await?.has_buttons(NUMBERS).await
}

pub async fn what_the_page_changes_is_followed(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let page = CrmPage::lab(stage, "walk.html").await?;
    page.has_buttons(NUMBERS).await?;
    let mut now = Numbers(NUMBERS.to_vec());
    for (script, place, number) in CHANGES {
        page.run(&format!("const at = (id) => document.getElementById(id);\n{script}")).await?;
        now.change(place, *number);
        page.has_buttons(&now.0).await.with_context(|| (*script).to_owned())?;
    }
    Ok(())
}

/// What the page's script does, where, and which number has a button there then.
const CHANGES: &[(&str, &str, Option<&str>)] = &[
    ("at('plain').firstChild.data = 'Телефон: +7 912 345-67-61'", "plain", Some("79123456761")),
    ("at('plain').textContent = 'Телефона нет'", "plain", None),
    ("at('plain').append('+7 912 ', '345-67-62')", "plain", Some("79123456762")),
    ("at('plain').childNodes[2].before(document.createElement('br'))", "plain", None),
    ("at('plain').querySelector('br').remove()", "plain", Some("79123456762")),
    ("at('split').querySelector('i').textContent = '999'", "split", Some("79129996702")),
    ("at('link').firstChild.href = 'tel:+79123456764'", "link", Some("79123456764")),
    ("at('link').firstChild.href = '#'", "link", None),
    ("at('readonly').querySelector('input').value = '+7 912 345-67-66'", "readonly", Some("79123456766")),
    ("at('readonly').querySelector('input').readOnly = false", "readonly", None),
    ("at('input').querySelector('input').readOnly = true", "input", Some("79123456733")),
    ("at('fieldset').disabled = false", "fieldset", None),
    ("at('slot').firstChild.firstChild.data = '+7 912 345-67-60'", "slot", Some("79123456760")),
    ("at('apart').contentEditable = 'true'", "apart", None),
    ("at('island').contentEditable = 'false'", "island", Some("79123456738")),
    ("at('role').firstChild.removeAttribute('role')", "role", Some("79123456739")),
    ("at('table').tHead.rows[0].cells[1].textContent = 'ИНН'", "phone", None),
    ("at('table').tHead.rows[0].cells[2].firstChild.data = 'Телефон'", "tax", Some("79123456718")),
    ("at('term').textContent = 'ИНН'", "value", None),
    ("at('term').firstChild.data = 'Телефон'", "value", Some("79123456719")),
    (
        "const head = document.createElement('th');
         head.textContent = 'ИНН';
         at('table').tHead.rows[0].cells[2].replaceWith(head)",
        "tax",
        None,
    ),
    (
        "const head = document.createElement('th');
         head.textContent = 'Телефон';
         at('table').tHead.rows[0].cells[1].replaceWith(head)",
        "phone",
        Some("79123456717"),
    ),
    (
        "const original = document.createElement('div');
         original.id = 'original';
         original.textContent = '+7 912 345-67-81';
         at('late').append(original)",
        "original",
        Some("79123456781"),
    ),
    (
        "const copy = at('original').cloneNode(true);
         const last = document.createElement('p');
         last.id = 'copied';
         last.textContent = '+7 912 345-67-82';
         copy.id = 'copy';
         copy.append(last);
         copy.firstChild.remove();
         at('late').append(copy)",
        "copied",
        Some("79123456782"),
    ),
    (
        "const late = document.createElement('div');
         at('late').append(late);
         late.attachShadow({ mode: 'open' }).innerHTML = '<p id=\"in-late\">+7 912 345-67-71</p>'",
        "in-late",
        Some("79123456771"),
    ),
    (
        "const undefined = document.createElement('x-late');
         at('late').append(undefined);
         setTimeout(() => {
             undefined.attachShadow({ mode: 'open' }).innerHTML = '<p id=\"in-x-late\">+7 912 345-67-72</p>';
         }, 300)",
        "in-x-late",
        Some("79123456772"),
    ),
    (
        "const root = document.querySelector('x-phone').shadowRoot;
         root.firstChild.firstChild.data = '+7 912 345-67-73'",
        "in-shadow",
        Some("79123456773"),
    ),
    ("at('hidden').remove()", "hidden", None),
    (
        "const list = document.createElement('ul');
         list.id = 'list';
         list.hidden = true;
         for (let i = 0; i < 20; i++) list.append(document.createElement('li'));
         list.lastChild.textContent = '+7 912 345-67-74';
         at('late').append(list)",
        "list",
        None,
    ),
    (
        "at('list').hidden = false;
         at('list').scrollIntoView({ behavior: 'instant' })",
        "list",
        Some("79123456774"),
    ),
];

struct Numbers(Vec<(&'static str, &'static str)>);

impl Numbers {
    fn change(&mut self, place: &'static str, number: Option<&'static str>) {
        self.0.retain(|&(known, _)| known != place);
        self.0.extend(number.map(|number| (place, number)));
    }
}

/// A text may change before the background has told what the one before it holds.
pub async fn an_answer_for_a_text_that_changed_counts_for_nothing(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let page = CrmPage::lab(stage, "frame.html").await?;
    page.has_buttons(&[("inner", "79123456751")]).await?;
    page.run(
        "const text = document.getElementById('inner').firstChild;
         const wrong = new Set();
         new MutationObserver(() => {
             for (const host of document.querySelectorAll('trubka-call')) {
                 if (!/\\d/u.test(host.previousSibling?.data ?? '')) wrong.add(host);
             }
             document.documentElement.dataset.wrong = wrong.size;
         }).observe(document.body, { subtree: true, childList: true });
         let turn = 0;
         const change = () => {
             turn += 1;
             text.data = turn % 2 === 0 ? `+7 912 345-${10 + turn % 90}-00` : 'Телефона нет';
             if (turn < 301) setTimeout(change, turn % 7);
             else document.documentElement.dataset.over = '';
         };
         change();",
    )
    .await?;
    until("the changes to be over", async || stage.browser.find("[data-over]").await).await?;
    page.has_buttons(&[]).await?;
    let wrong: String = stage.browser.script("return document.documentElement.dataset.wrong", Vec::new()).await?;
    ensure!(wrong == "0", "{wrong} buttons stood beside a text without a number");
    Ok(())
}

pub async fn a_page_that_is_edited_as_a_whole_has_no_button(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let page = CrmPage::lab(stage, "frame.html").await?;
    page.has_buttons(&[("inner", "79123456751")]).await?;
    page.run("document.designMode = 'on'").await?;
    page.has_buttons(&[]).await?;
    page.run("document.designMode = 'off'").await?;
    page.has_buttons(&[("inner", "79123456751")]).await
}

pub async fn a_frame_of_the_page_has_buttons_that_dial(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let page = CrmPage::lab(stage, "walk.html").await?;
    page.has_buttons(NUMBERS).await?;
    // Firefox's driver scrolls within a frame only.
    page.run("document.getElementById('frames').scrollIntoView({ behavior: 'instant' })").await?;
    let frames = stage.browser.web().find_all(By::Css("iframe")).await?;
    for (frame, number) in frames.into_iter().zip(["79123456751", "79123456752"]) {
        frame.enter_frame().await?;
        page.has_buttons(&[("inner", number)]).await?;
        page.click(number).await?;
        let call = stage.control.dialled(number).await?;
        page.phase(number, "ringing").await?;
        ensure!(stage.browser.find("trubka-card").await?.is_none(), "the frame has a card of its own");
        stage.browser.web().enter_default_frame().await?;
        page.card_that("shows the call", |card| !card.is_empty()).await?;
        stage.control.hang_up(&call).await?;
        stage.control.registered(&call).await?;
    }
    Ok(())
}

/// A grid and its rows that are only there to hold cells are never seen themselves.
pub async fn rows_without_a_box_are_read(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let page = CrmPage::lab(stage, "frame.html").await?;
    page.run(
        "const grid = document.createElement('div');
         grid.style.display = 'contents';
         for (let i = 10; i < 90; i++) {
             const row = document.createElement('div');
             row.style.display = 'contents';
             row.append(document.createElement('div'));
             row.firstChild.textContent = `+7 912 345-00-${i}`;
             grid.append(row);
         }
         document.body.append(grid);
         // So that all of them are in view.
         document.body.style.lineHeight = '5px';
         document.body.id = 'page'",
    )
    .await?;
    let numbers: Vec<String> = (10..90).map(|i| format!("791234500{i}")).collect();
    let mut wanted: Vec<(&str, &str)> = numbers.iter().map(|number| ("page", number.as_str())).collect();
    wanted.push(("inner", "79123456751"));
    page.has_buttons(&wanted).await
}

/// Parts of a long page that the browser skips while they are far away have no size, and are not read until they come near.
pub async fn what_the_browser_skips_is_read_when_it_comes_near(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let page = CrmPage::lab(stage, "frame.html").await?;
    page.run(
        "const main = document.createElement('main');
         const sheet = new CSSStyleSheet();
         sheet.replaceSync('section { content-visibility: auto; contain-intrinsic-height: 1000px }');
         document.adoptedStyleSheets.push(sheet);
         for (let i = 0; i < 60; i++) {
             const list = document.createElement('ul');
             for (let k = 0; k < 20; k++) {
                 const item = document.createElement('li');
                 item.textContent = `Телефон: +7 912 345-${10 + i}-${10 + k}`;
                 list.append(item);
             }
             const part = document.createElement('section');
             part.append(list);
             main.append(part);
         }
         document.body.append(main)",
    )
    .await?;
    let buttons_of = async |part: &str| {
        let count = format!("return document.querySelectorAll('section:nth-of-type({part}) trubka-call').length");
        stage.browser.script::<u32>(&count, Vec::new()).await
    };
    until("the first part's buttons", async || Ok((buttons_of("1").await? == 20).then_some(()))).await?;
    // What came later has been answered, and so has all that was asked about before it.
    page.run(
        "const late = document.createElement('p');
         late.textContent = 'Телефон: +7 912 345-00-99';
         document.body.prepend(late)",
    )
    .await?;
    page.phase("79123450099", "idle").await?;
    ensure!(buttons_of("n + 20").await? == 0, "what is far away has been read");
    page.run("document.querySelector('section:nth-of-type(40)').scrollIntoView({ behavior: 'instant' })").await?;
    until("the buttons of what came near", async || Ok((buttons_of("40").await? == 20).then_some(()))).await
}

/// What is hidden when it comes, shown later and has no size itself, as a dialog's wrapper: the browser tells of it only once.
pub async fn what_is_shown_without_a_size_is_read(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let page = CrmPage::lab(stage, "frame.html").await?;
    page.run(
        "const gap = document.createElement('div');
         gap.style.height = '5000px';
         document.body.append(gap);
         const items = Array.from({ length: 20 }, (_, i) => `<p>Телефон: +7 912 345-00-${10 + i}</p>`).join('');
         const panel = document.createElement('div');
         panel.id = 'panel';
         panel.style.display = 'none';
         panel.innerHTML = `<div style='position: fixed; inset: 0; columns: 3'>${items}</div>`;
         document.body.append(panel)",
    )
    .await?;
    // What came later has been answered.
    page.write("+7 912 345-00-99").await?;
    page.phase("79123450099", "idle").await?;
    page.run("document.getElementById('panel').style.display = 'block'").await?;
    let buttons = "return document.querySelectorAll('#panel trubka-call').length";
    until("the panel's buttons", async || {
        Ok((stage.browser.script::<u32>(buttons, Vec::new()).await? == 20).then_some(()))
    })
    .await
}

/// An element of a line that gets a shadow tree ends the line; what else stands in it keeps its button.
pub async fn a_late_shadow_tree_takes_no_number_away(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let page = CrmPage::lab(stage, "frame.html").await?;
    page.run(
        "const line = document.createElement('p');
         line.innerHTML = '+7 912 345-00-10 <x-badge>моб.</x-badge>';
         document.body.prepend(line)",
    )
    .await?;
    page.phase("79123450010", "idle").await?;
    page.run("document.querySelector('x-badge').attachShadow({ mode: 'open' }).innerHTML = '<p>+7 912 345-00-11</p><slot></slot>'")
        .await?;
    let within = "return document.querySelector('x-badge').shadowRoot.querySelectorAll('trubka-call').length";
    until("the shadow tree's button", async || {
        Ok((stage.browser.script::<u32>(within, Vec::new()).await? == 1).then_some(()))
    })
    .await?;
    page.phase("79123450010", "idle").await.map(drop)
}

/// Three thousand at once: each has its button where the user looks, and is forgotten when it leaves.
pub async fn nothing_is_dropped_and_nothing_is_kept(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let page = CrmPage::lab(stage, "frame.html").await?;
    page.run(
        "const list = document.createElement('ul');
         for (let i = 0; i < 3000; i++) {
             const item = document.createElement('li');
             item.textContent = `Телефон: +7 912 ${100 + i % 900}-${10 + i % 89}-${10 + i % 83}`;
             list.append(item);
         }
         document.body.append(list);
         window.rows = new WeakRef(list);
         window.last = new WeakRef(list.lastChild.firstChild);",
    )
    .await?;
    // Elements that WebDriver knows would be kept by it.
    let bare = "const shown = Array.from(document.querySelectorAll('li')).filter((item) => {
            const { top, bottom } = item.getBoundingClientRect();
            return bottom > 0 && top < innerHeight;
        });
        return [shown.length, shown.filter((item) => item.querySelectorAll('trubka-call').length !== 1).length]";
    for item in [0, 2999, 1500, 700, 2222, 40] {
        let scroll = format!("document.querySelectorAll('li')[{item}].scrollIntoView({{ behavior: 'instant' }})");
        page.run(&scroll).await?;
        until("a button for each number in view", async || {
            let [shown, bare]: [u32; 2] = stage.browser.script(bare, Vec::new()).await?;
            ensure!(shown > 20 && bare == 0, "{bare} of {shown} have none");
            Ok(Some(()))
        })
        .await?;
    }
    page.run("document.querySelector('ul').remove()").await?;
    until("what has left the page to be forgotten", async || {
        stage.browser.collect_garbage().await?;
        let held = "return Boolean(window.rows.deref() ?? window.last.deref())";
        Ok((!stage.browser.script::<bool>(held, Vec::new()).await?).then_some(()))
    })
    .await
}

/// Tens of thousands of elements in one line, and a text of a megabyte: while they are read, the page goes on.
pub async fn a_huge_block_holds_nobody_up(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let page = CrmPage::lab(stage, "frame.html").await?;
    page.has_buttons(&[("inner", "79123456751")]).await?;
    let script = "const done = arguments[0];
        const huge = document.createElement('div');
        // Near the viewport, with nothing in it to lay out.
        huge.style.height = '20px';
        const sheet = new CSSStyleSheet();
        sheet.replaceSync('#huge b { display: none }');
        document.adoptedStyleSheets.push(sheet);
        huge.id = 'huge';
        for (let i = 0; i < 150_000; i++) {
            const word = document.createElement('b');
            word.textContent = i % 70_000 === 100 ? `+7 912 345-00-${10 + i / 70_000 | 0}` : 'слово';
            huge.append(word);
        }
        const long = document.createElement('div');
        long.hidden = true;
        long.id = 'long';
        long.textContent = `${'Долгий текст без номеров 12.10, '.repeat(32_000)} +7 912 345-00-20`;
        let gap = 0;
        let last = performance.now();
        const beat = new MessageChannel();
        beat.port1.onmessage = () => {
            const now = performance.now();
            gap = Math.max(gap, now - last);
            last = now;
            const hosts = document.getElementsByTagName('trubka-call');
            if (hosts.length === 5) done(gap / (now - start));
            else beat.port2.postMessage(0);
        };
        document.body.append(huge, long);
        const start = performance.now();
        last = start;
        beat.port2.postMessage(0)";
    let share: f64 = stage.browser.web().execute_async(script, Vec::new()).await?.convert()?;
    page.has_buttons(&[
        ("inner", "79123456751"),
        ("huge", "79123450010"),
        ("huge", "79123450011"),
        ("huge", "79123450012"),
        ("long", "79123450020"),
    ])
    .await?;
    // Against the whole, which a busy machine makes longer, too.
    ensure!(share < 0.2, "the page waited for {share} of the time at a stretch");
    Ok(())
}

pub async fn what_moves_to_where_people_write_has_no_button(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let page = CrmPage::lab(stage, "frame.html").await?;
    page.run(
        "document.body.insertAdjacentHTML('beforeend', `
             <div id='text'>+7 912 345-00-10</div><div id='block'><p>+7 912 345-00-11</p></div>
             <div id='wrapped'><section><p>+7 912 345-00-12</p></section></div>
             <div id='editor' contenteditable='true'></div>`)",
    )
    .await?;
    let mut wanted =
        vec![("inner", "79123456751"), ("text", "79123450010"), ("block", "79123450011"), ("wrapped", "79123450012")];
    page.has_buttons(&wanted).await?;
    let moves = [
        ("text", "editor.append(place.firstChild)"),
        ("block", "editor.append(place.firstChild)"),
        (
            "wrapped",
            "const wrapper = document.createElement('div');
             const block = place.firstChild;
             block.remove();
             setTimeout(() => { wrapper.append(block); editor.append(wrapper); }, 50)",
        ),
    ];
    for (place, script) in moves {
        let script = format!(
            "const editor = document.getElementById('editor');
             const place = document.getElementById('{place}');
             {script}"
        );
        page.run(&script).await?;
        wanted.retain(|(known, _)| *known != place);
        page.has_buttons(&wanted).await.with_context(|| place.to_owned())?;
    }
    page.run("document.getElementById('block').append(document.querySelector('#editor p'))").await?;
    wanted.push(("block", "79123450011"));
    page.has_buttons(&wanted).await
}

/// What a page opens in front of everything often hangs at the end of a long body, in an element without height.
pub async fn what_hangs_out_of_an_element_without_height_is_read(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let page = CrmPage::lab(stage, "frame.html").await?;
    page.run(
        "for (let i = 0; i < 30; i++) {
             const block = document.createElement('p');
             block.style.height = '1000px';
             document.body.append(block);
         }
         const portal = document.createElement('div');
         const dialog = document.createElement('div');
         dialog.style.position = 'fixed';
         dialog.style.top = '0';
         dialog.id = 'dialog';
         dialog.textContent = '+7 912 345-00-10';
         portal.append(dialog);
         document.body.append(portal)",
    )
    .await?;
    page.has_buttons(&[("inner", "79123456751"), ("dialog", "79123450010")]).await
}

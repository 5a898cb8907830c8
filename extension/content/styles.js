/** The looks of our own elements, and their drawings. Colours and sizes are those of `common/tokens.css`. */
const styles = (() => {
  const { css: surface, light, dark } = tokens;

  /** A telephone's handset, as in `icons/icon.svg`. */
  const handset =
    "M20 18.2C15.9 22.3 10.9 20.9 7 17C3.1 13.1 1.7 8.1 5.8 4L7 2.9Q8.1 1.7 9.2 2.9L11.2 4.9Q12.4 6 11.2 7.1L9.3 9Q11.2 12.8 15 14.7L16.9 12.8Q18 11.6 19.1 12.8L21.1 14.8Q22.3 15.9 21.1 17z";

  /* At the button's size: scaled, each would be a layer of its own for every frame that the page draws. */
  const small = handset.replace(/[\d.]+/gu, (length) => ((Number(length) * 2) / 3).toFixed(2));

  const reset = `
    :host {
      all: initial !important;
      box-sizing: border-box !important;
      user-select: none !important;
      -webkit-user-select: none !important;
    }
    * { box-sizing: border-box; }
    [hidden] { display: none !important; }
    svg { flex: none; fill: currentcolor; }
    .hearable {
      position: absolute;
      width: 1px;
      height: 1px;
      overflow: hidden;
      clip-path: inset(50%);
      white-space: nowrap;
    }
    @media (prefers-reduced-motion: reduce) { *, *::before, *::after { animation: none !important; transition: none !important; } }
  `;

  /* Comes last, after a host's own display. */
  const unprinted = "@media print { :host, :host([data-stand]) { display: none !important; } }";

  /* The button stands on the page's own ground, light or dark as the page says and not as the system does. */
  const button = `
    ${reset}
    :host {
      display: inline-flex !important;
      align-items: center !important;
      align-self: center !important;
      height: 1em !important;
      margin-inline-start: calc(3px - var(--trubka-gap, 0px)) !important;
      /* Without a baseline of its own it stands on the line by its lower edge, whatever is in it. */
      contain: layout !important;
      vertical-align: -0.125em !important;
      color-scheme: inherit !important;
      font-size: inherit !important;
      --call: ${light.mark};
      --warn: ${light["mark-warn"]};
      --bad: ${light["mark-bad"]};
    }
    /* Over the page: an element without extent, and the button as far from it as the script says. */
    :host([data-stand]) {
      margin: 0 !important;
      height: 0 !important;
      contain: none !important;
      vertical-align: baseline !important;
    }
    :host([data-stand="over"]) { display: inline !important; position: relative !important; }
    :host([data-stand="apart"]) { display: block !important; position: absolute !important; width: 0 !important; }
    :host([data-stand]) button { position: absolute; }
    :host([data-stand]) button:not([data-placed]) { visibility: hidden; }
    :host([data-alone]) { display: none !important; }
    /* Where it covers what the page shows, it is seen when it is wanted or has something to tell. */
    [data-covers] { background: Canvas; }
    [data-covers="true"][data-phase="idle"]:not(:hover, :focus-visible) { opacity: 0; }
    @supports (color: light-dark(red, red)) {
      :host {
        --call: light-dark(${light.mark}, ${dark.mark});
        --warn: light-dark(${light["mark-warn"]}, ${dark["mark-warn"]});
        --bad: light-dark(${light["mark-bad"]}, ${dark["mark-bad"]});
      }
    }
    button {
      display: inline-flex;
      flex: none;
      align-items: center;
      justify-content: center;
      gap: 3px;
      position: relative;
      min-width: 24px;
      height: 24px;
      margin: 0;
      padding: 0 4px;
      border: 0;
      border-radius: 12px;
      background: transparent;
      color: var(--call);
      font: ${light["weight-medium"]} 12px/1 ${light.font};
      font-variant-numeric: tabular-nums;
      white-space: nowrap;
      cursor: pointer;
    }
    button:hover { background: color-mix(in srgb, currentcolor 14%, transparent); }
    button:focus-visible { outline: 2px solid currentcolor; outline-offset: 0; }
    button[aria-disabled="true"] { cursor: default; }
    /* The handset is drawn without an element: two thousand buttons are on the page sooner. */
    button::before {
      content: "";
      flex: none;
      width: 16px;
      height: 16px;
      background: currentcolor;
      clip-path: path("${small}");
    }
    [data-phase="dialling"]::after {
      content: "";
      position: absolute;
      inset-block-start: 1px;
      inset-inline-start: 1px;
      width: 22px;
      height: 22px;
      border: 2px solid color-mix(in srgb, currentcolor 25%, transparent);
      border-block-start-color: currentcolor;
      border-radius: 50%;
      animation: turn 0.9s linear infinite;
    }
    [data-phase="dialling"] { gap: 7px; }
    [data-phase="dialling"]::before { scale: 0.75; }
    [data-phase="ringing"] { background: color-mix(in srgb, currentcolor 14%, transparent); }
    [data-phase="ringing"]::before { animation: shake 1.2s ease-in-out infinite; }
    [data-phase="talking"] { padding: 0 7px; background: ${light.mark}; color: ${light["on-accent"]}; }
    [data-phase="talking"]:hover { background: ${light.mark}; }
    [data-phase="talking"]:focus-visible { outline-color: var(--call); outline-offset: 2px; }
    button:not([data-hang-up=""]) { padding: 0 7px; background: ${light.bad}; color: ${light["on-bad"]}; }
    button:not([data-hang-up=""]):hover { background: ${light["bad-strong"]}; }
    button:not([data-hang-up=""]):focus-visible { outline-color: var(--bad); outline-offset: 2px; }
    button:not([data-hang-up=""])::before { rotate: 135deg; }
    [data-hang-up="asked"] { opacity: 0.6; }
    [data-phase="failed"] { color: var(--bad); }
    [data-phase="unknown"] { color: var(--warn); }
    @keyframes turn { to { transform: rotate(1turn); } }
    @keyframes shake {
      0%, 60%, 100% { transform: none; }
      10%, 30%, 50% { transform: rotate(14deg); }
      20%, 40% { transform: rotate(-14deg); }
    }
    @media (forced-colors: active) {
      button { border: 1px solid ButtonBorder; background: ButtonFace; color: ButtonText; }
      button::before { forced-color-adjust: none; }
      [data-phase="talking"] { forced-color-adjust: none; background: Highlight; color: HighlightText; }
    }
    ${unprinted}
  `;

  const hint = `
    ${reset}
    ${surface}
    .hint {
      position: fixed;
      inset: auto;
      width: max-content;
      max-width: min(320px, calc(100vw - 16px));
      margin: 0;
      padding: 8px 12px;
      border: 1px solid var(--line);
      border-inline-start: 3px solid var(--bad);
      border-radius: 6px;
      background: var(--surface);
      box-shadow: var(--shadow);
      color: var(--text);
      font: 13px/1.4 var(--font);
      overflow-wrap: anywhere;
    }
    .hint[data-phase="unknown"] { border-inline-start-color: var(--warn); }
    .hint[data-phase="placed"] { border-inline-start-color: var(--accent); }
    ${unprinted}
  `;

  /* A card, or a word in a card's dress. */
  const card = `
    ${reset}
    ${surface}
    :host {
      display: flex !important;
      flex-direction: column !important;
      position: fixed !important;
      z-index: 2147483647 !important;
      width: min(360px, 100%) !important;
      max-height: 100% !important;
      overflow-y: auto !important;
      scrollbar-width: thin !important;
      pointer-events: none !important;
      color-scheme: light dark !important;
      color: var(--text) !important;
      font: var(--size) / var(--leading) var(--font) !important;
    }
    article {
      flex: none;
      margin: 4px 16px;
      border: 1px solid var(--line);
      border-radius: var(--radius-large);
      background: var(--surface);
      box-shadow: var(--shadow);
      pointer-events: auto;
      overflow-wrap: anywhere;
      user-select: text;
      -webkit-user-select: text;
    }
    article:first-of-type { margin-block-start: 16px; }
    article:last-of-type { margin-block-end: 16px; }
    header {
      display: flex;
      align-items: center;
      gap: 8px;
      min-height: 44px;
      padding: 6px 8px 6px 16px;
      color: var(--muted);
      font-size: var(--size-small);
    }
    header svg { width: 18px; height: 18px; }
    header > svg { color: var(--accent); }
    p { margin: 0; }
    .icon {
      display: inline-flex;
      flex: none;
      align-items: center;
      justify-content: center;
      width: var(--target-small);
      height: var(--target-small);
      padding: 0;
      border: 0;
      border-radius: var(--radius);
      background: transparent;
      color: var(--muted);
      cursor: pointer;
    }
    .icon svg { width: 16px; height: 16px; }
    .icon:hover { background: var(--hover); color: var(--text); }
    .close { margin-inline-start: auto; }
    :focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
    .icon:focus-visible { outline-offset: -2px; }
    @media (forced-colors: active) { button { color: ButtonText; } }
    ${unprinted}
  `;

  const cards = `
    ${card}
    :host {
      left: calc(var(--trubka-x, 1) * 100%) !important;
      top: calc(var(--trubka-y, 1) * 100%) !important;
      translate: calc(var(--trubka-x, 1) * -100%) calc(var(--trubka-y, 1) * -100%) !important;
    }
    header { cursor: grab; user-select: none; -webkit-user-select: none; }
    header:active { cursor: grabbing; }
    .heading, .line { flex: 1; min-width: 0; }
    .line { display: flex; flex-direction: column; }
    .heading:not([hidden]) + .line { display: none; }
    .grip { cursor: inherit; margin-inline: -8px -4px; touch-action: none; }
    /* All the cards are moved at once: one grip is enough. */
    article:not(:first-of-type) .grip { display: none; }
    .fold svg { transition: rotate var(--quick) var(--ease); }
    .fold[aria-expanded="false"] svg { rotate: 180deg; }
    .fold + .close { margin-inline-start: -4px; }
    .summary {
      overflow: hidden;
      color: var(--text);
      font-size: var(--size);
      font-weight: var(--weight-strong);
      text-align: start;
      text-overflow: ellipsis;
      white-space: nowrap;
    }
    .body { padding: 0 16px 14px; }
    /* However long a name is, the buttons stay in sight. */
    .name, .company {
      display: -webkit-box;
      -webkit-box-orient: vertical;
      -webkit-line-clamp: 3;
      overflow: hidden;
      text-align: start;
      unicode-bidi: isolate;
    }
    .company { -webkit-line-clamp: 2; }
    .name { font-size: var(--size-large); font-weight: var(--weight-strong); line-height: var(--leading-tight); }
    .row { display: flex; align-items: center; gap: 4px; }
    .number { font-size: 15px; font-variant-numeric: tabular-nums; user-select: all; -webkit-user-select: all; }
    .copy[data-copied="true"] { color: var(--accent); }
    .copy[data-copied="false"] { color: var(--bad); }
    .muted { color: var(--muted); font-size: var(--size-small); text-align: start; }
    .phase { color: var(--accent); font-weight: var(--weight-strong); font-variant-numeric: tabular-nums; }
    .body > .phase { margin-block-start: 8px; }
    header .phase { font-size: var(--size-small); }
    [data-phase="ended"] .phase { color: var(--muted); }
    [data-phase="ended"] header > svg { color: var(--muted); }
    [data-result="missed"] .phase, [data-result="missed"] header > svg { color: var(--bad); }
    [data-phase="ringing"] { border-color: var(--accent); }
    [data-phase="ringing"] header > svg { animation: shake 1.2s ease-in-out infinite; }
    .hang-up {
      display: inline-flex;
      align-items: center;
      min-height: var(--target);
      margin-block-start: 10px;
      padding: 2px 12px;
      border: 0;
      border-radius: var(--radius);
      background: var(--bad);
      color: var(--on-bad);
      font: inherit;
      font-weight: var(--weight-medium);
      cursor: pointer;
    }
    .hang-up:hover { background: var(--bad-strong); }
    .hang-up[aria-disabled="true"] { opacity: 0.6; cursor: default; }
    .problem { margin-block-start: 8px; color: var(--bad); }
    .links { display: flex; flex-wrap: wrap; gap: 8px; margin-block-start: 10px; }
    .body > .muted:has(+ .links) { margin-block-start: 10px; }
    .body > .muted + .links { margin-block-start: 6px; }
    a {
      display: inline-block;
      max-width: 100%;
      min-height: var(--target);
      padding: 7px 12px;
      border: 1px solid var(--control-line);
      border-radius: var(--radius);
      color: var(--accent);
      font-weight: var(--weight-medium);
      text-decoration: none;
    }
    a:hover { border-color: var(--accent); background: var(--accent-surface); }
    .delivery { margin-block-start: 8px; color: var(--muted); font-size: var(--size-small); }
    .delivery[data-state="failed"] { color: var(--bad); }
    .delivery[data-state="waiting"] { color: var(--warn); }
    @keyframes shake {
      0%, 60%, 100% { transform: none; }
      10%, 30%, 50% { transform: rotate(14deg); }
      20%, 40% { transform: rotate(-14deg); }
    }
    @media (forced-colors: active) {
      a { border: 1px solid LinkText; }
      .hang-up { border: 1px solid ButtonText; }
    }
  `;

  return {
    button,
    hint,
    card,
    cards,
    handset,
    chevron: "M5.6 9.4 12 15.8l6.4-6.4L17 8l-5 5-5-5z",
    copy: "M8 3h10a2 2 0 0 1 2 2v11h-2V5H8zM6 7h8a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V9a2 2 0 0 1 2-2zm0 2v10h8V9z",
    grip: "M8 5h3v3H8zM13 5h3v3h-3zM8 10.5h3v3H8zM13 10.5h3v3h-3zM8 16h3v3H8zM13 16h3v3h-3z",
    cross: "M6.4 5 12 10.6 17.6 5 19 6.4 13.4 12 19 17.6 17.6 19 12 13.4 6.4 19 5 17.6 10.6 12 5 6.4z",
  };
})();

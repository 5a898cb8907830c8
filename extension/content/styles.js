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

  const card = `
    ${reset}
    ${surface}
    :host {
      display: flex !important;
      flex-direction: column !important;
      gap: 8px !important;
      position: fixed !important;
      inset-block-end: 0 !important;
      inset-inline-end: 0 !important;
      z-index: 2147483647 !important;
      width: min(360px, 100%) !important;
      max-height: 100% !important;
      padding: 16px !important;
      overflow-y: auto !important;
      pointer-events: none !important;
      color-scheme: light dark !important;
      color: var(--text) !important;
      font: 14px/1.4 var(--font) !important;
    }
    article {
      position: relative;
      flex: none;
      padding: 12px 16px 14px;
      border: 1px solid var(--line);
      border-radius: 12px;
      background: var(--surface);
      box-shadow: var(--shadow);
      pointer-events: auto;
      overflow-wrap: anywhere;
      user-select: text;
      -webkit-user-select: text;
    }
    header {
      display: flex;
      align-items: center;
      gap: 8px;
      min-height: 24px;
      padding-inline-end: 28px;
      color: var(--muted);
      font-size: 12.5px;
    }
    header svg { width: 18px; height: 18px; color: var(--accent); }
    p { margin: 0; }
    .name { margin-block-start: 6px; font-size: 17px; font-weight: 600; line-height: 1.3; }
    .number { font-size: 15px; font-variant-numeric: tabular-nums; }
    .muted { color: var(--muted); font-size: 12.5px; }
    .phase { margin-block-start: 8px; color: var(--accent); font-weight: 600; font-variant-numeric: tabular-nums; }
    [data-result="missed"] .phase, [data-result="missed"] header svg { color: var(--bad); }
    [data-phase="ringing"] header svg { animation: shake 1.2s ease-in-out infinite; }
    .links { display: flex; flex-wrap: wrap; gap: 8px; margin-block-start: 10px; }
    a, .hang-up {
      display: inline-flex;
      align-items: center;
      min-height: 30px;
      padding: 2px 12px;
      border: 0;
      border-radius: 8px;
      background: var(--accent);
      color: var(--on-accent);
      font: inherit;
      font-weight: 500;
      text-decoration: none;
    }
    .hang-up { margin-block-start: 10px; background: var(--bad); color: var(--on-bad); cursor: pointer; }
    .hang-up[aria-disabled="true"] { opacity: 0.6; cursor: default; }
    .problem { margin-block-start: 8px; color: var(--bad); }
    a:hover { text-decoration: underline; }
    .delivery { margin-block-start: 8px; color: var(--muted); font-size: 12.5px; }
    .delivery[data-state="failed"] { color: var(--bad); }
    .delivery[data-state="waiting"] { color: var(--warn); }
    .close {
      display: inline-flex;
      align-items: center;
      justify-content: center;
      position: absolute;
      inset-block-start: 8px;
      inset-inline-end: 8px;
      width: 28px;
      height: 28px;
      padding: 0;
      border: 0;
      border-radius: 50%;
      background: transparent;
      color: var(--muted);
      cursor: pointer;
    }
    .close svg { width: 16px; height: 16px; }
    .close:hover { background: color-mix(in srgb, currentcolor 14%, transparent); }
    :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
    @keyframes shake {
      0%, 60%, 100% { transform: none; }
      10%, 30%, 50% { transform: rotate(14deg); }
      20%, 40% { transform: rotate(-14deg); }
    }
    @media (forced-colors: active) {
      a { border: 1px solid LinkText; }
      button { color: ButtonText; }
      .hang-up { border: 1px solid ButtonText; }
    }
    ${unprinted}
  `;

  return {
    button,
    hint,
    card,
    handset,
    cross: "M6.4 5 12 10.6 17.6 5 19 6.4 13.4 12 19 17.6 17.6 19 12 13.4 6.4 19 5 17.6 10.6 12 5 6.4z",
  };
})();

// What markup alone cannot say: elements with a shadow root.

/** @param {string} html */
const withRoot = (html) =>
  class extends HTMLElement {
    connectedCallback() {
      if (!this.shadowRoot) this.attachShadow({ mode: "open" }).innerHTML = html;
    }
  };

customElements.define("x-phone", withRoot('<p id="in-shadow">+7 912 345-67-09</p>'));
customElements.define("x-slot", withRoot("<p><slot></slot></p>"));
customElements.define("x-editor", withRoot("<p>+7 912 345-67-48</p>"));

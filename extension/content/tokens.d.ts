/** The design's tokens, which build.sh derives from `common/tokens.css`. */
declare const tokens: {
  /** The whole stylesheet: in a shadow root its elements know every token by `var(--…)`. */
  css: string;
  /** Their values where it is light; by the tokens' names, without the dashes. */
  light: Record<string, string>;
  /** Their values where it is dark. */
  dark: Record<string, string>;
};

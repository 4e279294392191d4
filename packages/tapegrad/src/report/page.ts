import { type Color, classColors, darkClassColors } from '@tapegrad/plot';
import { pageAssets } from './assets.ts';
import type { Section } from './blocks.ts';
import type { PageData } from './client/types.ts';
import { html, jsonFor, Markup } from './markup.ts';

export interface Page {
  readonly title: string;
  /** Below the title. */
  readonly summary: Markup;
  readonly sections: readonly Section[];
  readonly data: PageData;
}

/**
 * A page in one file: styles, script, images and data are inside, and a policy forbids it to fetch anything. Whatever
 * comes from people or files is escaped.
 */
export function renderPage({ title, summary, sections, data }: Page): string {
  const { script, styles, licence } = assets();
  const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
  const page = html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${styles}</style>
</head>
<body>
<a class="skip" href="#main">to the content</a>
<header class="masthead"><h1>${title}</h1>${summary}</header>
<nav class="toc" aria-label="contents"><ol>${sections.map(({ id, title: name }) => html`<li><a href="#${id}">${name}</a></li>`)}</ol></nav>
<main id="main">
${sections.map(({ id, title: name, body }) => html`<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${name}</h2>${body}</section>\n`)}</main>
<noscript><p class="note">The planes of points and the sliders need JavaScript.</p></noscript>
<footer>Written by Tapegrad. Charts by Vega and uPlot; uPlot’s licence is in the source of this page.</footer>
<script type="application/json" id="data">${jsonFor(data)}</script>
<script>
/* uPlot: ${licence} */
${script}</script>
</body>
</html>
`;
  return page.text;
}

interface Assets {
  readonly script: Markup;
  readonly styles: Markup;
  readonly licence: Markup;
}

let made: Assets | undefined;

/** Assembled once per process. */
function assets(): Assets {
  if (made) return made;
  const { script, styles, licence } = pageAssets();
  const palette = (colors: readonly Color[]) => colors.map((color, i) => `--class-${i}: ${color};`);
  made = {
    // A script ends at the first `</script`, wherever that is.
    script: new Markup(script.replaceAll('</script', '<\\/script')),
    styles: new Markup(
      `:root { ${palette(classColors).join(' ')} }\n` +
        `@media (prefers-color-scheme: dark) { :root { ${palette(darkClassColors).join(' ')} } }\n` +
        styles,
    ),
    licence: new Markup(licence),
  };
  return made;
}

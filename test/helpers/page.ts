import { decode } from 'fast-png';
import { type DefaultTreeAdapterTypes, parse } from 'parse5';
import * as assert from 'uvu/assert';
import type { PageData } from '../../packages/tapegrad/src/report/client/types.ts';

type Node = DefaultTreeAdapterTypes.ChildNode;
export type Element = DefaultTreeAdapterTypes.Element;

/** A page as a browser would read it. */
export class ParsedPage {
  readonly elements: Element[] = [];
  readonly source: string;

  constructor(source: string) {
    this.source = source;
    const errors: string[] = [];
    const document = parse(source, {
      onParseError: ({ code, startLine }) => errors.push(`${code}:${startLine}`),
    });
    assert.equal(errors, [], 'the page is well-formed');
    const visit = (node: Node) => {
      if ('attrs' in node) this.elements.push(node);
      if ('childNodes' in node) node.childNodes.forEach(visit);
    };
    document.childNodes.forEach(visit);
  }

  all(name: string): Element[] {
    return this.elements.filter(({ tagName }) => tagName === name);
  }

  byId(id: string): Element {
    const found = this.elements.filter((element) => attribute(element, 'id') === id);
    assert.is(found.length, 1, `elements with the id ${id}`);
    return found[0]!;
  }

  get data(): PageData {
    return JSON.parse(textOf(this.byId('data')));
  }
}

export const attribute = ({ attrs }: Element, name: string): string | undefined =>
  attrs.find((attr) => attr.name === name)?.value;

export const textOf = (node: Node): string =>
  'value' in node ? node.value : 'childNodes' in node ? node.childNodes.map(textOf).join('') : '';

/** Fails where a page refers to anything outside of itself, where an image is none, or has nothing to read aloud. */
export function assertSelfContained(page: ParsedPage): void {
  for (const element of page.elements) {
    for (const { name, value } of element.attrs) {
      if (!['src', 'href', 'srcset', 'action', 'poster', 'data'].includes(name)) continue;
      assert.match(value, /^(data:|#)/, `${element.tagName} ${name}`);
    }
  }
  const links = page.all('a').map((link) => attribute(link, 'href')!.slice(1));
  assert.ok(links.length > 0);
  for (const link of links) page.byId(link);
  for (const style of page.all('style')) assert.not.match(textOf(style), /@import|url\(\s*["']?(?!data:)/);
  const policy = page.all('meta').map((meta) => attribute(meta, 'content') ?? '');
  assert.ok(policy.some((content) => content.startsWith("default-src 'none'; img-src data:;")));
  for (const image of page.all('img')) {
    // In a button that says what it is for, an image may be silent.
    const isSilent = attribute(image, 'alt') === '' && image.parentNode?.nodeName === 'button';
    assert.ok(isSilent || attribute(image, 'alt'), 'an image has an alternative text');
  }
  const images = page.source.match(/data:image\/png;base64,[A-Za-z0-9+/=]*/g) ?? [];
  assert.ok(images.length > 0);
  for (const uri of images) {
    const { width, height } = decode(Buffer.from(uri.split(',')[1]!, 'base64'));
    assert.ok(width > 0 && height > 0);
  }
  assert.ok(page.source.length < 6e6, `${page.source.length} bytes`);
}

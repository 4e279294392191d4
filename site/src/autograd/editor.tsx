import { javascript } from '@codemirror/lang-javascript';
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { EditorState, Prec } from '@codemirror/state';
import { EditorView, keymap } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { minimalSetup } from 'codemirror';
import { useEffect, useRef } from 'preact/hooks';

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--code-keyword)' },
  { tag: [tags.string, tags.regexp], color: 'var(--code-string)' },
  { tag: tags.number, color: 'var(--code-number)' },
  { tag: tags.comment, color: 'var(--soft)', fontStyle: 'italic' },
  { tag: [tags.function(tags.variableName), tags.function(tags.propertyName)], color: 'var(--code-name)' },
]);

const theme = EditorView.theme({
  '&': { backgroundColor: 'var(--card)', color: 'var(--ink)', fontSize: '0.85rem' },
  '.cm-content': { caretColor: 'var(--ink)', minHeight: '11rem' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '&.cm-focused': { outline: '3px solid var(--accent)', outlineOffset: '2px' },
  '&.cm-focused .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'color-mix(in srgb, var(--accent) 25%, transparent)',
  },
});

/** The program, to be edited. Ctrl and Enter run it; Tab leaves the editor, as it leaves any field. */
export function Editor({
  chosen,
  onChange,
  onRun,
}: {
  /** What the page put there last: an example, or an address's program. What is typed does not come back this way. */
  chosen: { readonly code: string };
  onChange: (code: string) => void;
  onRun: () => void;
}) {
  const element = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const told = useRef({ onChange, onRun });
  told.current = { onChange, onRun };
  useEffect(() => {
    view.current = new EditorView({
      parent: element.current!,
      state: EditorState.create({
        doc: chosen.code,
        extensions: [
          minimalSetup,
          javascript(),
          syntaxHighlighting(colours),
          theme,
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ 'aria-label': 'Program' }),
          Prec.highest(
            keymap.of([
              {
                key: 'Mod-Enter',
                run: () => {
                  told.current.onRun();
                  return true;
                },
              },
            ]),
          ),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) told.current.onChange(update.state.doc.toString());
          }),
        ],
      }),
    });
    return () => view.current?.destroy();
  }, []);
  useEffect(() => {
    const shown = view.current!;
    if (shown.state.doc.toString() === chosen.code) return;
    shown.dispatch({ changes: { from: 0, to: shown.state.doc.length, insert: chosen.code } });
  }, [chosen]);
  return <div class="editor" ref={element} />;
}

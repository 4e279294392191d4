/** For every page: buttons that copy, and a table of contents that shows where the reader is. */

/** Copies the text next to a button. */
export function copyButtons(): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>('[data-copy]')) {
    button.addEventListener('click', async () => {
      const source = button.parentElement!.querySelector('code')!;
      let copied = false;
      try {
        await navigator.clipboard.writeText(source.textContent!);
        copied = true;
      } catch {
        // Not allowed here: the text is selected, to be copied by hand.
        getSelection()!.selectAllChildren(source);
      }
      button.textContent = copied ? 'copied' : 'selected';
      setTimeout(() => {
        button.textContent = 'copy';
      }, 1500);
    });
  }
}

/** Marks the section that is at the top of the window. */
export function contents(): void {
  const nav = document.querySelector<HTMLElement>('.toc');
  if (!nav) return;
  const links = new Map(
    [...nav.querySelectorAll<HTMLAnchorElement>('a')].map((link) => [link.hash.slice(1), link]),
  );
  const visible = new Set<string>();
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) visible.add(target.id);
        else visible.delete(target.id);
      }
      const current = [...links.keys()].find((id) => visible.has(id));
      for (const [id, link] of links) {
        if (id !== current) link.removeAttribute('aria-current');
        else if (!link.hasAttribute('aria-current')) {
          link.setAttribute('aria-current', 'true');
          // Within the list only: the page itself stays where it is.
          const list = link.closest('ol')!;
          list.scrollTo({ left: link.offsetLeft - list.clientWidth / 2 + link.offsetWidth / 2 });
        }
      }
    },
    { rootMargin: '-15% 0px -60% 0px' },
  );
  for (const id of links.keys()) observer.observe(document.getElementById(id)!);
}

import type { ComponentChildren } from 'preact';
import './style.css';

/** Where the site's root is, from a page one folder below it; the home page says `./`. */
const links = [
  ['train', 'Train'],
  ['explore', 'Explore'],
  ['autograd', 'Autograd'],
  ['benchmark', 'Benchmark'],
  ['course', 'Course'],
  ['api', 'API'],
] as const;

export type PageName = (typeof links)[number][0] | 'home';

/** What every page has around it. */
export function Shell({ page, children }: { page: PageName; children: ComponentChildren }) {
  const root = page === 'home' ? './' : '../';
  return (
    <>
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <header class="site-header">
        <div>
          <a class="brand" href={root} aria-current={page === 'home' ? 'page' : undefined}>
            <Mark />
            Tapegrad
          </a>
          <nav aria-label="Pages">
            {links.map(([name, text]) => (
              <a key={name} href={`${root}${name}/`} aria-current={page === name ? 'page' : undefined}>
                {text}
              </a>
            ))}
          </nav>
        </div>
      </header>
      <main id="content" tabIndex={-1}>
        {children}
      </main>
    </>
  );
}

/** A loop of tape: forwards and back. */
function Mark() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2.4" aria-hidden="true">
      <path d="M3 8h13a5 5 0 0 1 0 10H6" stroke-linecap="round" />
      <path d="M9.5 14 5.5 18l4 4" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}

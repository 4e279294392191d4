/** What of Eleventy is used; it brings no types of its own. */
declare module '@11ty/eleventy' {
  interface EleventyPage {
    readonly page: { readonly inputPath: string };
  }

  export interface EleventyConfig {
    setUseGitIgnore(on: boolean): void;
    amendLibrary(name: 'md', amend: (markdown: import('./course.ts').MarkdownIt) => void): void;
    addPassthroughCopy(paths: Readonly<Record<string, string>>): void;
    addGlobalData(name: string, value: () => (data: EleventyPage) => string): void;
    addTransform(name: string, transform: (this: EleventyPage, content: string) => string): void;
  }

  export default class Eleventy {
    constructor(
      input: string,
      output: string,
      options: {
        quietMode?: boolean;
        configPath?: string | false;
        config?: (config: EleventyConfig) => object;
      },
    );
    write(): Promise<unknown>;
  }
}

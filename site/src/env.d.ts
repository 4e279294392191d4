/// <reference types="vite/client" />

declare module 'virtual:catalogue' {
  const catalogue: import('./train/catalogue.ts').Catalogue;
  export default catalogue;
}

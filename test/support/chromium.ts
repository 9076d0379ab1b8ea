import { existsSync } from 'node:fs';

/** Debian's browser; undefined where there is none. */
export const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path));

/**
 * Opens a file in the browser, at the width of a screen and of a phone.
 * @param pictures where to put pictures of it: `<pictures>-<width>.png`.
 * @returns what it did beside showing it: requests, lines on the console, dialogs, errors, scripts and pictures, and what is wider than the window.
 */
export async function openInChromium(file: string, pictures?: string): Promise<string[]> {
  const { chromium } = await import('playwright-core');
  const browser = await chromium.launch({ executablePath: CHROMIUM!, args: ['--no-sandbox'] });
  const seen: string[] = [];
  try {
    for (const width of [1280, 390]) {
      const tab = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: width === 390 ? 'dark' : 'light' });
      tab.on('request', (request) => { if (request.url() !== `file://${file}`) seen.push(request.url()); });
      tab.on('console', (message) => seen.push(`console: ${message.text()}`));
      tab.on('pageerror', (error) => seen.push(`error: ${error.message}`));
      tab.on('dialog', (dialog) => {
        seen.push(`dialog: ${dialog.message()}`);
        void dialog.dismiss();
      });
      await tab.goto(`file://${file}`);
      const wide = Number(await tab.evaluate('document.documentElement.scrollWidth'));
      if (wide > width) seen.push(`${wide} px wide in a window of ${width} px`);
      const active = Number(await tab.evaluate('document.querySelectorAll("script,img,iframe").length'));
      if (active > 0) seen.push(`${active} scripts, pictures or frames`);
      if (pictures !== undefined) await tab.screenshot({ path: `${pictures}-${width}.png` });
      await tab.close();
    }
  } finally {
    await browser.close();
  }
  return seen;
}

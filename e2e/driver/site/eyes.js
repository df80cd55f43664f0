// What can be seen of a page whose content lies. Every question goes to a type, none
// to a name that content may have taken.
const of = (type, object, key) => Reflect.get(type.prototype, key, object)
const all = css => [...Document.prototype.querySelectorAll.call(document, css)]
const root = of(Document, document, 'documentElement')
const cover = () => all('tandem-session').map(e => of(Element, e, 'shadowRoot')?.querySelector('dialog.cover[open]')).find(Boolean)

window.eyes = {
  all,
  state: () => root.dataset.tandem,
  words: () => cover()?.textContent ?? '',
  button: part => cover()?.querySelector(`[part=${part}]`),
  type: text => all('main #note textarea').forEach(f => { f.value = text; f.dispatchEvent(new Event('input', { bubbles: true })) }),
  // text is all there is to read in the document, seen or not.
  text: () => [of(Node, root, 'textContent'), ...all('input,textarea').map(f => f.value)].join('\n'),
  // shown tells what of the page takes room on the screen, seen or not.
  shown: () => [...new Set(all('body, body *').filter(e => of(Element, e, 'getClientRects').call(e).length).map(e => of(Element, e, 'tagName')))].join(),
  until: async condition => { while (!condition()) await new Promise(done => setTimeout(done, 10)) },
  // under tells what is under the pointer that is not the cover, all over the page.
  under: () => {
    const found = new Set()
    for (let i = 0; i < 100; i++) {
      const e = Document.prototype.elementFromPoint.call(document, (i % 10 + 0.5) * innerWidth / 10, (Math.floor(i / 10) + 0.5) * innerHeight / 10)
      if (!e || of(Element, e, 'shadowRoot') !== cover()?.getRootNode()) found.add(e?.tagName ?? 'nothing')
    }
    return [...found].join()
  },
}

// The app itself, which means well: it fills the screen, before the page is covered or after.
const full = () => Element.prototype.requestFullscreen.call(all('#shown')[0])
for (const b of all('#full')) b.addEventListener('click', full)
for (const b of all('#later')) b.addEventListener('click', () => { dispatchEvent(new Event('pagehide')); full() })

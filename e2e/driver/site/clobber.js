// Takes every name there is, as content could by name= and id=. It is a classic
// script, so it is done before session.js starts.
{
  const make = document.createElement.bind(document)
  const { append, setAttribute } = Element.prototype
  const place = document.currentScript
  const what = place.dataset.what
  const names = object => object ? [...new Set([...Object.getOwnPropertyNames(object), ...names(Object.getPrototypeOf(object))])] : []
  const put = (parent, tag, attributes) => {
    const e = make(tag)
    for (const key in attributes) setAttribute.call(e, key, attributes[key])
    append.call(parent, e)
    return e
  }
  const home = put(document.body, 'div', { hidden: '' })
  const taken = {
    document: () => names(document).forEach(name => put(home, 'img', { name, alt: '' })),
    window: () => names(window).forEach(id => { put(home, 'a', { id }); put(home, 'form', { name: id }) }),
    forms: () => {
      for (const mark of ['data-tandem-keep', 'data-tandem-private']) {
        const form = put(home, 'form', { [mark]: '', id: mark })
        names(form).forEach(name => put(form, 'input', { name, value: mark === 'data-tandem-keep' ? '' : 'Lovelace' }))
      }
    },
  }
  taken[what]()
}

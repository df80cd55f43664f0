package rp

import (
	"io"

	"github.com/tandem-sso/tandem/rp/internal/page"
	"github.com/tandem-sso/tandem/rp/pages"
	"github.com/tandem-sso/tandem/rp/store"
)

// pageSet is what writes the library's pages. fails is told when Config.Pages.Frame does.
func (c *Config) pageSet(fails func(error)) *page.Set {
	s := &page.Set{Texts: c.Pages.Texts, Language: c.Pages.Language, FrameFails: fails}
	if frame := c.Pages.Frame; frame != nil {
		s.Frame = func(w io.Writer, f page.Framed) error { return frame(w, pages.Page(f)) }
	}
	return s
}

// judgePages tells what is missing in a language.
func judgePages(s *page.Set) []store.Finding {
	lacks := s.Lacks()
	if lacks == "" {
		return nil
	}
	return []store.Finding{{Code: "page_texts", Text: "Config.Pages has no text " + lacks +
		": the pages say that in English."}}
}

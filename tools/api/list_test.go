package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"testing"
)

const before = `package p

const Limit = 3

type Kind int

const First Kind = 1

type Config struct {
	Name   string
	hidden int
}

func (c Config) Check() error { return nil }

type Store interface{ Load(key string) ([]byte, error) }

type Box[T any] struct{ Value T }

func New(c Config) (*Box[int], error) { return nil, nil }

var ErrGone error
`

func lines(t *testing.T, source string) []string {
	t.Helper()
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, "p.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	p, err := new(types.Config).Check(module+"p", files, []*ast.File{f}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return face(p)
}

// Whatever can break those who use a package changes the listing, and nothing else does.
func TestEveryChangeShows(t *testing.T) {
	was := lines(t, before)
	for name, change := range map[string][2]string{
		"a constant's value":        {"Limit = 3", "Limit = 4"},
		"a constant's type":         {"First Kind = 1", "First int = 1"},
		"a type's kind":             {"Kind int", "Kind int64"},
		"a field's type":            {"Name   string", "Name   []byte"},
		"a field is gone":           {"Name   string\n", ""},
		"a new field":               {"hidden int", "Hidden int"},
		"== stops working":          {"hidden int", "hidden []int"},
		"a method's receiver":       {"(c Config) Check", "(c *Config) Check"},
		"a method's result":         {"Check() error { return nil }", "Check() {}"},
		"a method that all must do": {"interface{ Load", "interface{ Save(); Load"},
		"a hidden method":           {"interface{ Load", "interface{ mine(); Load"},
		"a type parameter":          {"[T any]", "[T comparable]"},
		"a parameter":               {"New(c Config)", "New(c *Config)"},
		"a further parameter":       {"New(c Config)", "New(c Config, more ...string)"},
		"a variable is gone":        {"ErrGone", "errGone"},
	} {
		source := strings.Replace(before, change[0], change[1], 1)
		if source == before {
			t.Fatalf("%s: nothing is replaced", name)
		}
		if slices.Equal(lines(t, source), was) {
			t.Errorf("%s does not show", name)
		}
	}
	for name, change := range map[string][2]string{
		"a hidden field": {"hidden int", "other string"},
		"a body":         {"return nil, nil", "return new(Box[int]), nil"},
		"a comment":      {"type Kind", "// Kind of thing.\ntype Kind"},
	} {
		if !slices.Equal(lines(t, strings.Replace(before, change[0], change[1], 1)), was) {
			t.Errorf("%s shows", name)
		}
	}
}

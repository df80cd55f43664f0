package main

import (
	"errors"
	"fmt"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

const module = "github.com/tandem-sso/tandem/"

// promised are the packages that other modules may build on. Programs and what is below
// internal are not among them, and nothing in demo and e2e.
var promised = []string{"./rp/...", "./nethttpadapter", "./echoadapter", "./idp-mock/idpmock/...", "./idp-mock/memnet"}

// list returns the lines of all promised packages of the module in dir.
func list(dir string) (string, error) {
	loaded, err := packages.Load(&packages.Config{Dir: dir,
		Mode: packages.NeedName | packages.NeedTypes | packages.NeedImports |
			packages.NeedDeps | packages.NeedExportFile},
		promised...)
	if err != nil {
		return "", err
	}
	var lines []string
	var faults []error
	for _, p := range loaded {
		for _, e := range p.Errors {
			faults = append(faults, e)
		}
		if p.Name == "main" || strings.Contains(p.PkgPath+"/", "/internal/") {
			continue
		}
		lines = append(lines, face(p.Types)...)
	}
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), ""), errors.Join(faults...)
}

// face returns the lines of a package.
func face(p *types.Package) (lines []string) {
	name := strings.TrimPrefix(p.Path(), module)
	own := func(q *types.Package) string {
		if q == p {
			return ""
		}
		return strings.TrimPrefix(q.Path(), module)
	}
	say := func(format string, args ...any) {
		lines = append(lines, name+": "+fmt.Sprintf(format, args...)+"\n")
	}
	for _, n := range p.Scope().Names() {
		obj := p.Scope().Lookup(n)
		if !obj.Exported() {
			continue
		}
		switch obj := obj.(type) {
		case *types.Const:
			say("const %s %s = %s", n, types.TypeString(obj.Type(), own), obj.Val().ExactString())
		case *types.TypeName:
			for _, line := range named(obj, own) {
				say("%s", line)
			}
		default: // functions and variables
			say("%s", types.ObjectString(obj, own))
		}
	}
	return lines
}

// named returns what a type shows: what it is, its fields, its methods.
func named(obj *types.TypeName, own types.Qualifier) (lines []string) {
	name := obj.Name()
	if obj.IsAlias() {
		return []string{fmt.Sprintf("type %s = %s", name, types.TypeString(types.Unalias(obj.Type()), own))}
	}
	t := obj.Type().(*types.Named)
	whole := name + params(t.TypeParams(), own)
	switch under := t.Underlying().(type) {
	case *types.Struct:
		lines = append(lines, fmt.Sprintf("type %s struct%s", whole, comparable(t)))
		for f := range under.Fields() {
			switch {
			case f.Embedded() && f.Exported():
				lines = append(lines, fmt.Sprintf("type %s struct, embeds %s", name, types.TypeString(f.Type(), own)))
			case f.Exported():
				lines = append(lines, fmt.Sprintf("type %s struct, %s %s", name, f.Name(),
					types.TypeString(f.Type(), own)))
			}
		}
	case *types.Interface:
		lines = append(lines, fmt.Sprintf("type %s interface", whole))
		for m := range under.Methods() { // a hidden one matters, too: nobody else can implement it
			lines = append(lines, fmt.Sprintf("type %s interface, %s%s", name, m.Name(), signature(m, own)))
		}
		for i := range under.NumEmbeddeds() {
			if e := under.EmbeddedType(i); !types.IsInterface(e) || isUnion(e) {
				lines = append(lines, fmt.Sprintf("type %s interface, of %s", name, types.TypeString(e, own)))
			}
		}
		return lines
	default:
		lines = append(lines, fmt.Sprintf("type %s %s", whole, types.TypeString(under, own)))
	}
	values := types.NewMethodSet(t)
	for m := range types.NewMethodSet(types.NewPointer(t)).Methods() {
		if !m.Obj().Exported() {
			continue
		}
		receiver := "*" + name
		if values.Lookup(m.Obj().Pkg(), m.Obj().Name()) != nil {
			receiver = name
		}
		lines = append(lines, fmt.Sprintf("method (%s) %s%s", receiver, m.Obj().Name(), signature(m.Obj().(*types.Func),
			own)))
	}
	return lines
}

func isUnion(t types.Type) bool { _, ok := t.Underlying().(*types.Union); return ok }

// comparable says whether == works: a hidden field can take that from those who use it.
func comparable(t types.Type) string {
	if types.Comparable(t) {
		return ""
	}
	return ", not comparable"
}

func signature(f *types.Func, own types.Qualifier) string {
	return strings.TrimPrefix(types.TypeString(f.Type(), own), "func")
}

func params(list *types.TypeParamList, own types.Qualifier) string {
	if list.Len() == 0 {
		return ""
	}
	var each []string
	for p := range list.TypeParams() {
		each = append(each, p.Obj().Name()+" "+types.TypeString(p.Constraint(), own))
	}
	return "[" + strings.Join(each, ", ") + "]"
}

package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"strings"
)

// mutant is one small mistake in one file.
type mutant struct {
	file     string // from the root of the module, with slashes
	in       string // the function or method around it, or "-"
	what     string // "a < b -> a <= b", on one line
	nth      int    // of those with the same three fields above, from 0
	from, to int    // the bytes that are replaced
	by       string
	number   int    // its place in the list of the package, from 1
	edits    []edit // the same as a choice at run time; none: only a build of its own makes it
}

// key names a mutant so that a change elsewhere in the file does not rename it.
func (m mutant) key() string {
	key := m.file + " | " + m.in + " | " + m.what
	if m.nth > 0 {
		key += fmt.Sprintf(" | %d", m.nth+1)
	}
	return key
}

// apply is the file with the mistake.
func (m mutant) apply(src []byte) []byte {
	return bytes.Join([][]byte{src[:m.from], []byte(m.by), src[m.to:]}, nil)
}

// swaps are the operators that are easily mistaken for one another.
var swaps = map[token.Token]token.Token{
	token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR,
	token.EQL: token.NEQ, token.NEQ: token.EQL, token.LAND: token.LOR, token.LOR: token.LAND,
	token.ADD: token.SUB, token.SUB: token.ADD, token.MUL: token.QUO, token.QUO: token.MUL,
}

// mutantsOf lists the mistakes that can be made in a file, in the order of the text.
func mutantsOf(file string, src []byte) ([]mutant, error) {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, file, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var all []mutant
	seen := map[string]int{}
	for _, d := range f.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
			continue
		}
		constant := isConst(d)
		add := func(n ast.Node, by, what string, edits ...edit) {
			m := mutant{file: file, in: nameOf(d), what: oneLine(what),
				from: set.Position(n.Pos()).Offset, to: set.Position(n.End()).Offset, by: by}
			if !constant {
				m.edits = edits
			}
			name := m.key()
			m.nth = seen[name]
			seen[name]++
			all = append(all, m)
		}
		text := func(n ast.Node) string {
			return string(src[set.Position(n.Pos()).Offset:set.Position(n.End()).Offset])
		}
		look := looker{text: text, add: add, offset: func(p token.Pos) int { return set.Position(p).Offset },
			heads: map[ast.Node]bool{}}
		ast.Inspect(d, look.at)
	}
	return all, nil
}

// looker finds the mistakes of one declaration.
type looker struct {
	text   func(ast.Node) string
	offset func(token.Pos) int
	add    func(n ast.Node, by, what string, edits ...edit)
	heads  map[ast.Node]bool // statements in front of a condition, or of a case: they cannot be left out
}

// at adds the mistakes that can be made at one node. It says false where nothing below is
// looked at.
func (l looker) at(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		op, ok := swaps[n.Op]
		if !ok || n.Op == token.ADD && (isString(n.X) || isString(n.Y)) {
			return true
		}
		by := l.text(n.X) + " " + op.String() + " " + l.text(n.Y)
		l.add(n, "("+by+")", l.text(n)+" -> "+by, l.swapped(n)...)
	case *ast.IfStmt:
		l.heads[n.Init] = true
		// Still evaluated for the compiler, so that no name is unused.
		l.add(n.Cond, "false && ("+l.text(n.Cond)+")", "if "+l.text(n.Cond)+" -> never",
			l.around(n.Cond, "mutantOff(#) && (", ")")...)
	case *ast.SwitchStmt:
		l.heads[n.Init] = true
	case *ast.CommClause:
		l.heads[n.Comm] = true
	case *ast.BasicLit:
		if n.Kind == token.INT {
			l.add(n, "("+n.Value+"+1)", n.Value+" -> "+n.Value+"+1")
		}
	case *ast.Ident:
		if other := map[string]string{"true": "false", "false": "true"}[n.Name]; other != "" {
			l.add(n, other, n.Name+" -> "+other, l.around(n, "(", " != mutantOn(#))")...)
		}
	case *ast.UnaryExpr:
		if n.Op == token.NOT {
			l.add(n, "("+l.text(n.X)+")", l.text(n)+" -> "+l.text(n.X), l.around(n, "(", " != mutantOn(#))")...)
		}
	case *ast.ExprStmt:
		l.notDone(n)
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE && !initialises(n) {
			l.notDone(n)
		}
	case *ast.ForStmt:
		ast.Inspect(n.Body, l.at) // a header that is changed loops for ever, which only costs time
		return false
	}
	return true
}

func (l looker) notDone(n ast.Node) {
	if l.heads[n] {
		return
	}
	l.add(n, "if false { "+l.text(n)+" }", l.text(n)+" -> not done", l.around(n, "if mutantOff(#) { ", " }")...)
}

// initialises reports an assignment to nothing, which only quiets the compiler.
func initialises(a *ast.AssignStmt) bool {
	for _, l := range a.Lhs {
		if id, ok := l.(*ast.Ident); !ok || id.Name != "_" {
			return false
		}
	}
	return true
}

func isConst(d ast.Decl) bool {
	g, ok := d.(*ast.GenDecl)
	return ok && g.Tok == token.CONST
}

func isString(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return e.Kind == token.STRING
	case *ast.BinaryExpr:
		return isString(e.X) || isString(e.Y)
	}
	return false
}

func nameOf(d ast.Decl) string {
	f, ok := d.(*ast.FuncDecl)
	if !ok {
		return "-"
	}
	if f.Recv == nil {
		return f.Name.Name
	}
	var b strings.Builder
	_ = printer.Fprint(&b, token.NewFileSet(), f.Recv.List[0].Type)
	return strings.TrimPrefix(b.String(), "*") + "." + f.Name.Name
}

// oneLine is a text for a list: no line breaks, and not longer than a line takes.
func oneLine(s string) string {
	s = strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", "¦")
	if r := []rune(s); len(r) > 160 {
		s = string(r[:80]) + " … " + string(r[len(r)-76:])
	}
	return s
}

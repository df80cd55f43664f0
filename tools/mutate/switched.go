package main

import (
	"bytes"
	"cmp"
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// A build of the tests of rp costs more than most runs of them. So one build has all
// mutants of a package in it, and the variable MUTANT of the environment chooses one. The
// same build notes which mutants a test reaches: no other test can tell them.

// edit puts a text in the place of some bytes. A # in it stands for the mutant's number.
type edit struct {
	at, cut int
	text    string
	closes  bool // it ends what an edit before it has begun
	order   int  // of those at one place: what ends, the inner one first; what begins, the outer one first
}

func (l looker) around(n ast.Node, before, after string) []edit {
	return []edit{{at: l.offset(n.Pos()), text: before}, {at: l.offset(n.End()), text: after, closes: true}}
}

// swapped is an operator with its mistake beside it: each operand is still evaluated once,
// and the second one of && and || only if it counts.
func (l looker) swapped(n *ast.BinaryExpr) []edit {
	if n.Op == token.EQL || n.Op == token.NEQ {
		return l.around(n, "((", ") != mutantOn(#))")
	}
	name := map[token.Token]string{token.LSS: "Less", token.LEQ: "LessEq", token.GTR: "More", token.GEQ: "MoreEq",
		token.LAND: "And", token.LOR: "Or", token.ADD: "Add", token.SUB: "Sub", token.MUL: "Mul",
		token.QUO: "Div"}[n.Op]
	between, after := ", ", ")"
	if n.Op == token.LAND || n.Op == token.LOR {
		between, after = ", func() bool { return (", ") })"
	}
	op := edit{at: l.offset(n.OpPos), cut: len(n.Op.String()), text: between}
	return append(l.around(n, "mutant"+name+"(#, ", after), op)
}

// switches is what the edits of a package call.
const switches = `
import (
	"cmp"
	"os"
	"strconv"
	"sync/atomic"
)

var (
	mutantNow, _ = strconv.Atoi(os.Getenv("MUTANT"))
	mutantNotes, _ = os.OpenFile(os.Getenv("MUTANTS_REACHED"), os.O_WRONLY|os.O_APPEND, 0)
	mutantNoted [1 << 14]atomic.Bool
)

func mutantOn(n int) bool {
	if mutantNotes != nil && !mutantNoted[n].Swap(true) {
		mutantNotes.WriteString(strconv.Itoa(n) + "\n")
	}
	return n == mutantNow
}

func mutantOff(n int) bool { return !mutantOn(n) }

func mutantLess[T cmp.Ordered](n int, a, b T) bool { return a < b || a == b && mutantOn(n) }
func mutantMore[T cmp.Ordered](n int, a, b T) bool { return a > b || a == b && mutantOn(n) }
func mutantLessEq[T cmp.Ordered](n int, a, b T) bool { return a < b || a == b && !mutantOn(n) }
func mutantMoreEq[T cmp.Ordered](n int, a, b T) bool { return a > b || a == b && !mutantOn(n) }

func mutantAnd(n int, a bool, b func() bool) bool { return mutantBoth(!mutantOn(n), a, b) }
func mutantOr(n int, a bool, b func() bool) bool  { return mutantBoth(mutantOn(n), a, b) }
func mutantBoth(both, a bool, b func() bool) bool {
	if a != both {
		return a
	}
	return b()
}

type mutantNumber interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64
}

func mutantPick[T any](other bool, a, b func() T) T {
	if other {
		return b()
	}
	return a()
}

func mutantAdd[T mutantNumber](n int, a, b T) T {
	return mutantPick(mutantOn(n), func() T { return a + b }, func() T { return a - b })
}
func mutantSub[T mutantNumber](n int, a, b T) T {
	return mutantPick(mutantOn(n), func() T { return a - b }, func() T { return a + b })
}
func mutantMul[T mutantNumber](n int, a, b T) T {
	return mutantPick(mutantOn(n), func() T { return a * b }, func() T { return a / b })
}
func mutantDiv[T mutantNumber](n int, a, b T) T {
	return mutantPick(mutantOn(n), func() T { return a / b }, func() T { return a * b })
}
`

// switched is a file with all those of the mutants that are its own and have edits. No line
// moves.
func switched(file string, src []byte, all []mutant) []byte {
	var edits []edit
	for _, m := range all {
		for _, e := range m.edits {
			if m.file == file {
				e.text, e.order = strings.ReplaceAll(e.text, "#", strconv.Itoa(m.number)), m.number
				if e.closes {
					e.order = -m.number
				}
				edits = append(edits, e)
			}
		}
	}
	slices.SortFunc(edits, func(a, b edit) int { return cmp.Or(a.at-b.at, a.order-b.order) })
	var out bytes.Buffer
	at := 0
	for _, e := range edits {
		out.Write(src[at:e.at])
		out.WriteString(e.text)
		at = e.at + e.cut
	}
	out.Write(src[at:])
	return out.Bytes()
}

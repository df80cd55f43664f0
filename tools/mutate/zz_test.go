package main
import ("testing";"fmt";"os";"strings";"time")
func TestZZ(t *testing.T){
 r := room{dir: "rp/internal/engine"}
 tr, err := newTrial("/tmp/wt-G", t.TempDir(), r, 10*time.Second)
 if err != nil { t.Fatal(err) }
 c := map[outcome]int{}
 why,_ := readSurvivors(survivorsFile)
 for _, m := range tr.all { 
  if m.edits == nil { continue }
  if _, ok := why[m.key()]; ok { continue }
  ok := false
  for _, f := range strings.Fields(os.Getenv("ZZ")) { file, in, _ := strings.Cut(f, ":"); ok = ok || strings.Contains(m.file, file) && strings.Contains(m.in, in) }
  if !ok { continue }
  o, _, err := tr.of(m)
  if err != nil { t.Fatal(err) }
  c[o]++
  if o != killed { fmt.Println(o, m.key()) }
 }
 fmt.Println(c)
}

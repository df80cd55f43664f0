package middleware_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var snippet = regexp.MustCompile("(?s)```go\n(.*?)```")

// around is what stands around the lines that docs/middleware.md shows, by what they use.
var around = []struct{ uses, imports, given string }{
	{"chi.", `"github.com/go-chi/chi/v5"`, `r chi.Router`},
	{"PathPrefix", `"github.com/gorilla/mux"`, `r *mux.Router`},
	{"gin.", `"github.com/gin-gonic/gin"`, `r *gin.Engine`},
	{"adaptor.", `"github.com/gofiber/fiber/v2"; "github.com/gofiber/fiber/v2/middleware/adaptor"`, `app *fiber.App`},
	{"echo.", `"strings"; "github.com/labstack/echo/v4"; "github.com/labstack/echo/v4/middleware"; "github.com/tandem-sso/tandem/echoadapter"`, `e *echo.Echo, web *echoadapter.Adapter`},
	{"http.NewServeMux", ``, `pages http.Handler`},
}

// What docs/middleware.md shows compiles.
func TestDocument(t *testing.T) {
	page, err := os.ReadFile("../../docs/middleware.md")
	if err != nil {
		t.Fatal(err)
	}
	found := snippet.FindAllStringSubmatch(string(page), -1)
	if len(found) != len(around) {
		t.Errorf("%d snippets, want %d", len(found), len(around))
	}
	for _, m := range found {
		for _, a := range around {
			if !strings.Contains(m[1], a.uses) {
				continue
			}
			csrf := "csrf func(http.Handler) http.Handler"
			if a.uses == "gin." {
				csrf = "csrf gin.HandlerFunc"
			}
			web := ", web *nethttpadapter.Adapter"
			if a.uses == "echo." {
				web = ""
			}
			text := "package main\n\nimport (\"net/http\"; \"github.com/tandem-sso/tandem/nethttpadapter\"; " +
				a.imports + ")\n\n" +
				"var _ *nethttpadapter.Adapter\n\nfunc main() {}\n\nfunc _(home http.HandlerFunc, " + csrf + ", " +
				a.given + web + ") {\n" + m[1] + "}\n"
			file := filepath.Join(t.TempDir(), "main.go")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command("go", "vet", file).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s%s", err, out, text)
			}
			break
		}
	}
}

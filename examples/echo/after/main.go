// Notes on echo, with its session, CORS and CSRF middleware and a log-in by Tandem.
package main

import (
	"context"
	_ "embed"
	"html/template"
	"log"
	"net/http"
	"os"
	"strings"

	"github.com/labstack/echo-contrib/session"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/tandem-sso/tandem/echoadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

//go:embed page.html
var page string

var pages = template.Must(template.New("page").Parse(page))

func main() {
	keys, err := rp.ParseKeys(os.Getenv("KEY"))
	if err != nil {
		log.Fatal(err)
	}
	auth, err := rp.New(context.Background(), rp.Config{
		Issuer:         os.Getenv("ISSUER"),
		ClientID:       os.Getenv("CLIENT_ID"),
		ClientSecret:   rp.Secret(os.Getenv("CLIENT_SECRET")),
		BaseURL:        os.Getenv("BASE_URL"),
		Scopes:         []string{"openid", "profile"},
		Keys:           keys,
		Store:          memstore.New(memstore.Options{}), // more than one instance: redisstore or pgstore
		TrustedOrigins: []string{os.Getenv("FRONT_END")}, // who CORS lets in may also send unsafe requests
	})
	if err != nil {
		log.Fatal(err)
	}
	web := echoadapter.New(auth)

	e := echo.New()
	e.Use(middleware.Recover())
	e.Use(middleware.CORSWithConfig(middleware.CORSConfig{
		AllowOrigins:     []string{os.Getenv("FRONT_END")},
		AllowCredentials: true,
	}))
	e.Use(middleware.CSRFWithConfig(middleware.CSRFConfig{
		// The IdP posts to /auth/backchannel-logout, and has no token of a form. The library
		// looks at the origin of what browsers post there.
		Skipper:        func(c echo.Context) bool { return strings.HasPrefix(c.Path(), auth.Prefix()+"/") },
		TokenLookup:    "form:csrf",
		CookiePath:     "/",
		CookieSecure:   true,
		CookieHTTPOnly: true,
		CookieSameSite: http.SameSiteLaxMode,
	}))
	e.Use(session.Middleware(auth.Values()))
	web.Register(e.Group(auth.Prefix()))
	private := e.Group("", web.RequireLogin())
	private.GET("/", home)
	private.POST("/notes", add)
	private.GET("/api/me", me)
	log.Fatal(e.Start(os.Getenv("LISTEN")))
}

func name(c echo.Context) (string, error) {
	var claims struct {
		Name string `json:"name"`
	}
	err := echoadapter.Session(c).Claims(&claims)
	return claims.Name, err
}

func home(c echo.Context) error {
	name, err := name(c)
	if err != nil {
		return err
	}
	s, err := session.Get("notes", c)
	if err != nil {
		return err
	}
	flashes := s.Flashes()
	if err := s.Save(c.Request(), c.Response()); err != nil {
		return err
	}
	list, _ := s.Values["notes"].([]string)
	return pages.Execute(c.Response(), map[string]any{
		"Name": name, "Notes": list, "Flashes": flashes, "CSRF": c.Get(middleware.DefaultCSRFConfig.ContextKey),
	})
}

func add(c echo.Context) error {
	s, err := session.Get("notes", c)
	if err != nil {
		return err
	}
	list, _ := s.Values["notes"].([]string)
	s.Values["notes"] = append(list, c.FormValue("note"))
	s.AddFlash("The note is kept.")
	if err := s.Save(c.Request(), c.Response()); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/")
}

// me is for the front end, which has an origin of its own.
func me(c echo.Context) error {
	name, err := name(c)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{"name": name})
}

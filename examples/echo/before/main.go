// Notes on echo, with its session, CORS and CSRF middleware and a log-in by go-oidc.
package main

import (
	"context"
	"crypto/rand"
	_ "embed"
	"html/template"
	"log"
	"net/http"
	"os"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/gorilla/sessions"
	"github.com/labstack/echo-contrib/session"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"golang.org/x/oauth2"
)

//go:embed page.html
var page string

var pages = template.Must(template.New("page").Parse(page))

type login struct {
	verifier *oidc.IDTokenVerifier
	oauth    oauth2.Config
}

func main() {
	provider, err := oidc.NewProvider(context.Background(), os.Getenv("ISSUER"))
	if err != nil {
		log.Fatal(err)
	}
	store := sessions.NewCookieStore([]byte(os.Getenv("KEY")))
	store.Options = &sessions.Options{Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	l := &login{
		verifier: provider.Verifier(&oidc.Config{ClientID: os.Getenv("CLIENT_ID")}),
		oauth: oauth2.Config{
			ClientID:     os.Getenv("CLIENT_ID"),
			ClientSecret: os.Getenv("CLIENT_SECRET"),
			Endpoint:     provider.Endpoint(),
			RedirectURL:  os.Getenv("BASE_URL") + "/callback",
			Scopes:       []string{"openid", "profile"},
		},
	}

	e := echo.New()
	e.Use(middleware.Recover())
	e.Use(middleware.CORSWithConfig(middleware.CORSConfig{
		AllowOrigins:     []string{os.Getenv("FRONT_END")},
		AllowCredentials: true,
	}))
	e.Use(middleware.CSRFWithConfig(middleware.CSRFConfig{
		TokenLookup:    "form:csrf",
		CookiePath:     "/",
		CookieSecure:   true,
		CookieHTTPOnly: true,
		CookieSameSite: http.SameSiteLaxMode,
	}))
	e.Use(session.Middleware(store))
	e.GET("/login", l.start)
	e.GET("/callback", l.finish)
	e.POST("/logout", l.out)
	private := e.Group("", l.require)
	private.GET("/", home)
	private.POST("/notes", add)
	private.GET("/api/me", me)
	log.Fatal(e.Start(os.Getenv("LISTEN")))
}

func (l *login) start(c echo.Context) error {
	s, err := session.Get("notes", c)
	if err != nil {
		return err
	}
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	s.Values["state"], s.Values["nonce"], s.Values["verifier"] = state, nonce, verifier
	if err := s.Save(c.Request(), c.Response()); err != nil {
		return err
	}
	return c.Redirect(http.StatusFound, l.oauth.AuthCodeURL(state, oidc.Nonce(nonce),
		oauth2.S256ChallengeOption(verifier)))
}

func (l *login) finish(c echo.Context) error {
	s, err := session.Get("notes", c)
	if err != nil {
		return err
	}
	state, _ := s.Values["state"].(string)
	if state == "" || c.QueryParam("state") != state {
		return echo.NewHTTPError(http.StatusBadRequest, "the log-in is not of this browser")
	}
	verifier, _ := s.Values["verifier"].(string)
	token, err := l.oauth.Exchange(c.Request().Context(), c.QueryParam("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		return err
	}
	raw, _ := token.Extra("id_token").(string)
	idToken, err := l.verifier.Verify(c.Request().Context(), raw)
	if err != nil {
		return err
	}
	if idToken.Nonce != s.Values["nonce"] {
		return echo.NewHTTPError(http.StatusBadRequest, "the log-in is not of this browser")
	}
	var claims struct {
		Name string `json:"name"`
	}
	if err := idToken.Claims(&claims); err != nil {
		return err
	}
	delete(s.Values, "state")
	delete(s.Values, "nonce")
	delete(s.Values, "verifier")
	s.Values["name"] = claims.Name
	if err := s.Save(c.Request(), c.Response()); err != nil {
		return err
	}
	return c.Redirect(http.StatusFound, "/")
}

func (l *login) out(c echo.Context) error {
	s, err := session.Get("notes", c)
	if err != nil {
		return err
	}
	s.Options.MaxAge = -1
	if err := s.Save(c.Request(), c.Response()); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/")
}

func (l *login) require(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		name, err := name(c)
		if err != nil {
			return err
		}
		if name == "" && c.Request().Header.Get("Sec-Fetch-Mode") == "cors" {
			return echo.ErrUnauthorized
		}
		if name == "" {
			return c.Redirect(http.StatusFound, "/login")
		}
		return next(c)
	}
}

func name(c echo.Context) (string, error) {
	s, err := session.Get("notes", c)
	if err != nil {
		return "", err
	}
	name, _ := s.Values["name"].(string)
	return name, nil
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

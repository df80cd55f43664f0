// A library's counter on gin, with gin-contrib/sessions and a log-in by go-oidc.
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
	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"
	"golang.org/x/oauth2"
)

//go:embed page.html
var page string

// person is what the library wants to know of somebody.
type person struct {
	Name string `json:"name"`
}

type login struct {
	verifier *oidc.IDTokenVerifier
	oauth    oauth2.Config
}

func main() {
	provider, err := oidc.NewProvider(context.Background(), os.Getenv("ISSUER"))
	if err != nil {
		log.Fatal(err)
	}
	oauth := oauth2.Config{
		ClientID:     os.Getenv("CLIENT_ID"),
		ClientSecret: os.Getenv("CLIENT_SECRET"),
		Endpoint:     provider.Endpoint(),
		RedirectURL:  os.Getenv("BASE_URL") + "/callback",
		Scopes:       []string{"openid", "profile"},
	}
	l := &login{verifier: provider.Verifier(&oidc.Config{ClientID: oauth.ClientID}), oauth: oauth}
	store := cookie.NewStore([]byte(os.Getenv("KEY")))
	store.Options(sessions.Options{Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})

	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.Use(gin.Recovery())
	router.SetHTMLTemplate(template.Must(template.New("page").Parse(page)))
	router.Use(sessions.Sessions("library", store))
	router.GET("/login", l.start)
	router.GET("/callback", l.finish)
	router.POST("/logout", l.out)
	router.Use(l.require) // for all that follows
	router.GET("/", home)
	router.POST("/loans", borrow)
	log.Fatal(http.ListenAndServe(os.Getenv("LISTEN"), router))
}

func (l *login) start(c *gin.Context) {
	s := sessions.Default(c)
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	s.Set("state", state)
	s.Set("nonce", nonce)
	s.Set("verifier", verifier)
	if err := s.Save(); err != nil {
		_ = c.AbortWithError(http.StatusInternalServerError, err)
		return
	}
	c.Redirect(http.StatusFound, l.oauth.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)))
}

func (l *login) finish(c *gin.Context) {
	s := sessions.Default(c)
	state, _ := s.Get("state").(string)
	if state == "" || c.Query("state") != state {
		c.AbortWithStatus(http.StatusBadRequest)
		return
	}
	verifier, _ := s.Get("verifier").(string)
	token, err := l.oauth.Exchange(c, c.Query("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		_ = c.AbortWithError(http.StatusBadGateway, err)
		return
	}
	raw, _ := token.Extra("id_token").(string)
	idToken, err := l.verifier.Verify(c, raw)
	if err != nil {
		_ = c.AbortWithError(http.StatusBadGateway, err)
		return
	}
	if idToken.Nonce != s.Get("nonce") {
		c.AbortWithStatus(http.StatusBadRequest)
		return
	}
	var who person
	if err := idToken.Claims(&who); err != nil {
		_ = c.AbortWithError(http.StatusBadGateway, err)
		return
	}
	s.Delete("state")
	s.Delete("nonce")
	s.Delete("verifier")
	s.Set("name", who.Name)
	if err := s.Save(); err != nil {
		_ = c.AbortWithError(http.StatusInternalServerError, err)
		return
	}
	c.Redirect(http.StatusFound, "/")
}

func (l *login) out(c *gin.Context) {
	s := sessions.Default(c)
	s.Options(sessions.Options{Path: "/", MaxAge: -1})
	if err := s.Save(); err != nil {
		_ = c.AbortWithError(http.StatusInternalServerError, err)
		return
	}
	c.Redirect(http.StatusSeeOther, "/")
}

func (l *login) require(c *gin.Context) {
	if sessions.Default(c).Get("name") == nil {
		c.Redirect(http.StatusFound, "/login")
		c.Abort()
	}
}

func home(c *gin.Context) {
	s := sessions.Default(c)
	flashes := s.Flashes()
	if err := s.Save(); err != nil {
		_ = c.AbortWithError(http.StatusInternalServerError, err)
		return
	}
	loans, _ := s.Get("loans").(int)
	c.HTML(http.StatusOK, "page", gin.H{"Name": s.Get("name"), "Loans": loans, "Flashes": flashes})
}

func borrow(c *gin.Context) {
	s := sessions.Default(c)
	loans, _ := s.Get("loans").(int)
	s.Set("loans", loans+1)
	s.AddFlash("Enjoy " + c.PostForm("book") + ".")
	if err := s.Save(); err != nil {
		_ = c.AbortWithError(http.StatusInternalServerError, err)
		return
	}
	c.Redirect(http.StatusSeeOther, "/")
}

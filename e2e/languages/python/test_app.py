"""An app on Flask and Authlib, tested against idp-mock, which runs beside:

    go run ./idp-mock -client python,s3cret,http://localhost:8000,/callback
    ISSUER=http://localhost:9000 python -m unittest test_app
"""
import os
import unittest
from urllib.parse import urlsplit

import requests
from authlib.integrations.flask_client import OAuth
from authlib.integrations.requests_client import OAuth2Session
from flask import Flask, redirect, session

ISSUER = os.environ.get("ISSUER", "http://localhost:9000")
MOCK = ISSUER + "/_mock"

app = Flask(__name__)
app.secret_key = "of the test"
app.config["SERVER_NAME"] = "localhost:8000"
oauth = OAuth(app)
oauth.register(
    "mock",
    client_id="python",
    client_secret="s3cret",
    server_metadata_url=ISSUER + "/.well-known/openid-configuration",
    # Without code_challenge_method Authlib does not use PKCE; idp-mock then needs -pkce-optional.
    client_kwargs={"scope": "openid profile email offline_access", "code_challenge_method": "S256"},
)


@app.get("/login")
def login():
    return oauth.mock.authorize_redirect("http://localhost:8000/callback")


@app.get("/callback")
def callback():
    token = oauth.mock.authorize_access_token()  # checks state, nonce and the ID token
    session["user"], session["refresh_token"] = token["userinfo"], token["refresh_token"]
    return redirect("/")


@app.get("/")
def home():
    return session.get("user") or ("", 401)


def refresh(token):
    with OAuth2Session("python", "s3cret", token_endpoint=ISSUER + "/token") as client:
        return client.refresh_token(refresh_token=token)


class AppTest(unittest.TestCase):
    def setUp(self):
        requests.post(MOCK + "/reset").raise_for_status()
        self.browser = app.test_client()

    def sign_in(self, user):
        """Does what a browser does, and returns the status of the callback."""
        at_the_idp = self.browser.get("/login").location
        answer = requests.post(MOCK + "/authorize", json={"user": user, "url": at_the_idp})
        answer.raise_for_status()
        callback = urlsplit(answer.json()["callback"])
        return self.browser.get(callback.path + "?" + callback.query).status_code

    def test_sign_in(self):
        self.assertEqual(401, self.browser.get("/").status_code)
        self.assertEqual(302, self.sign_in("ada"))
        self.assertEqual("ada", self.browser.get("/").json["sub"])

    def test_the_session_runs_out(self):
        self.sign_in("ada")
        with self.browser.session_transaction() as s:
            token = s["refresh_token"]
        token = refresh(token)["refresh_token"]
        sid = requests.get(MOCK + "/sessions").json()[0]["sid"]
        requests.post(f"{MOCK}/sessions/{sid}/expire").raise_for_status()
        with self.assertRaisesRegex(Exception, "invalid_grant"):
            refresh(token)

    def test_a_fault(self):
        requests.post(MOCK + "/faults", json={"endpoint": "token/code", "id_token": "invalid-nonce"}).raise_for_status()
        app.logger.disabled = True
        self.assertEqual(500, self.sign_in("ada"))  # Authlib has refused the ID token
        self.assertEqual(401, self.browser.get("/").status_code)

    def test_a_token_of_the_app_itself(self):
        with OAuth2Session("python", "s3cret", token_endpoint=ISSUER + "/token") as client:
            token = client.fetch_token(grant_type="client_credentials", scope="jobs")
        self.assertEqual("jobs", token["scope"])


if __name__ == "__main__":
    unittest.main()

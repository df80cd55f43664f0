package interop;

import jakarta.servlet.http.HttpSessionEvent;
import jakarta.servlet.http.HttpSessionListener;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.web.servlet.ServletListenerRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.security.core.userdetails.User;
import org.springframework.security.core.userdetails.UserDetailsService;
import org.springframework.security.oauth2.core.AuthorizationGrantType;
import org.springframework.security.oauth2.core.ClientAuthenticationMethod;
import org.springframework.security.oauth2.core.oidc.OidcScopes;
import org.springframework.security.oauth2.server.authorization.client.InMemoryRegisteredClientRepository;
import org.springframework.security.oauth2.server.authorization.client.RegisteredClient;
import org.springframework.security.oauth2.server.authorization.client.RegisteredClientRepository;
import org.springframework.security.oauth2.server.authorization.settings.AuthorizationServerSettings;
import org.springframework.security.oauth2.server.authorization.settings.ClientSettings;
import org.springframework.security.oauth2.server.authorization.settings.TokenSettings;

/** Spring Authorization Server as docs/idp/spring-authorization-server.md sets it up. */
@SpringBootApplication
public class Server {
  private static String env(String name) {
    return System.getenv(name);
  }

  public static void main(String[] args) {
    SpringApplication app = new SpringApplication(Server.class);
    app.setDefaultProperties(Map.of("server.address", "127.0.0.1", "server.port", env("PORT")));
    app.run(args);
  }

  // server.servlet.session.timeout is rounded to minutes by Tomcat, and the lane has seconds.
  @Bean
  ServletListenerRegistrationBean<HttpSessionListener> window() {
    return new ServletListenerRegistrationBean<>(
        new HttpSessionListener() {
          @Override
          public void sessionCreated(HttpSessionEvent e) {
            e.getSession().setMaxInactiveInterval(Integer.parseInt(env("WINDOW")));
          }
        });
  }

  @Bean
  AuthorizationServerSettings settings() {
    return AuthorizationServerSettings.builder().issuer(env("ISSUER")).build();
  }

  @Bean
  UserDetailsService people() {
    return name -> User.withUsername(name).password("{noop}" + env("PASSWORD")).roles("USER").build();
  }

  // CLIENTS is id|base|secret|seconds of an access token, one to a line.
  @Bean
  RegisteredClientRepository clients() {
    List<RegisteredClient> all = new ArrayList<>();
    for (String line : env("CLIENTS").split("\n")) {
      String[] is = line.split("\\|");
      all.add(
          RegisteredClient.withId(is[0])
              .clientId(is[0])
              .clientSecret("{noop}" + is[2])
              .clientAuthenticationMethod(ClientAuthenticationMethod.CLIENT_SECRET_BASIC)
              .authorizationGrantType(AuthorizationGrantType.AUTHORIZATION_CODE)
              .authorizationGrantType(AuthorizationGrantType.REFRESH_TOKEN)
              .redirectUri(is[1] + "/auth/callback")
              .postLogoutRedirectUri(is[1] + "/auth/logged-out")
              .scope(OidcScopes.OPENID)
              .scope(OidcScopes.PROFILE)
              .clientSettings(ClientSettings.builder().requireProofKey(true).build())
              .tokenSettings(
                  TokenSettings.builder()
                      .reuseRefreshTokens(false)
                      .refreshTokenTimeToLive(Duration.ofHours(8))
                      .accessTokenTimeToLive(Duration.ofSeconds(Long.parseLong(is[3])))
                      .build())
              .build());
    }
    return new InMemoryRegisteredClientRepository(all);
  }
}

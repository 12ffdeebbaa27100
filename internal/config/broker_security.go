package config

const (
	noSecurity = "TLS, SASL and delegation tokens are not in this version: listeners are PLAINTEXT."
)

// Kafka's broker keys for TLS, SASL and delegation tokens.
var _ = []*Key{
	declare(Brokers, Key{
		Name: "client.quota.callback.class", Type: TypeClass, Null: true,
		Status: Unsupported, Why: noSecurity,
		Doc: "Java class that computes quotas.",
	}),
	declare(Brokers, Key{
		Name: "connection.failed.authentication.delay.ms", Type: TypeInt, Default: "100", Rule: atLeast(0),
		Status: Unsupported, Why: noSecurity,
		Doc: "How long a connection is held open after its authentication failed.",
	}),
	declare(Brokers, Key{
		Name: "connections.max.reauth.ms", Type: TypeLong, Default: "0", Importance: Medium,
		Status: Unsupported, Why: noSecurity,
		Doc: "Time after which a SASL client must authenticate again.",
	}),
	declare(Brokers, Key{
		Name: "delegation.token.expiry.check.interval.ms", Type: TypeLong, Default: "3600000", Rule: atLeast(1),
		Status: Unsupported, Why: noSecurity,
		Doc: "How often expired delegation tokens are looked for.",
	}),
	declare(Brokers, Key{
		Name: "delegation.token.expiry.time.ms", Type: TypeLong, Default: "86400000", Rule: atLeast(1), Importance: Medium,
		Status: Unsupported, Why: noSecurity,
		Doc: "How long a delegation token is valid before it must be renewed.",
	}),
	declare(Brokers, Key{
		Name: "delegation.token.max.lifetime.ms", Type: TypeLong, Default: "604800000", Rule: atLeast(1), Importance: Medium,
		Status: Unsupported, Why: noSecurity,
		Doc: "How long a delegation token can be renewed.",
	}),
	declare(Brokers, Key{
		Name: "delegation.token.secret.key", Type: TypePassword, Null: true, Importance: Medium,
		Status: Refused, Why: noSecurity,
		Doc: "Key that delegation tokens are signed with.",
	}),
	declare(Brokers, Key{
		Name: "principal.builder.class", Type: TypeClass, Default: "org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder", Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "Java class that derives a principal from a connection.",
	}),
	declare(Brokers, Key{
		Name: "sasl.client.callback.handler.class", Type: TypeClass, Null: true, Importance: Medium,
		Status: Refused, Why: noSecurity,
		Doc: "Java class of the SASL client's callbacks.",
	}),
	declare(Brokers, Key{
		Name: "sasl.enabled.mechanisms", Type: TypeList, Default: "GSSAPI", Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "SASL mechanisms that are offered.",
	}),
	declare(Brokers, Key{
		Name: "sasl.jaas.config", Type: TypePassword, Null: true, Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "JAAS login of a SASL mechanism.",
	}),
	declare(Brokers, Key{
		Name: "sasl.kerberos.kinit.cmd", Type: TypeString, Default: "/usr/bin/kinit", Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "The kinit command.",
	}),
	declare(Brokers, Key{
		Name: "sasl.kerberos.min.time.before.relogin", Type: TypeLong, Default: "60000", Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "Pause before Kerberos logs in again.",
	}),
	declare(Brokers, Key{
		Name: "sasl.kerberos.principal.to.local.rules", Type: TypeList, Default: "DEFAULT", Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "Rules from Kerberos principals to short names.",
	}),
	declare(Brokers, Key{
		Name: "sasl.kerberos.service.name", Type: TypeString, Null: true, Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "Kerberos service name.",
	}),
	declare(Brokers, Key{
		Name: "sasl.kerberos.ticket.renew.jitter", Type: TypeDouble, Default: "0.05", Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "Randomness of the renewal of Kerberos tickets.",
	}),
	declare(Brokers, Key{
		Name: "sasl.kerberos.ticket.renew.window.factor", Type: TypeDouble, Default: "0.8", Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "Share of a Kerberos ticket's life after which it is renewed.",
	}),
	declare(Brokers, Key{
		Name: "sasl.login.callback.handler.class", Type: TypeClass, Null: true, Importance: Medium,
		Status: Refused, Why: noSecurity,
		Doc: "Java class of the login's callbacks.",
	}),
	declare(Brokers, Key{
		Name: "sasl.login.class", Type: TypeClass, Null: true, Importance: Medium,
		Status: Refused, Why: noSecurity,
		Doc: "Java class of the login.",
	}),
	declare(Brokers, Key{
		Name: "sasl.login.connect.timeout.ms", Type: TypeInt, Null: true,
		Status: Refused, Why: noSecurity,
		Doc: "How long the login waits for a connection to its provider.",
	}),
	declare(Brokers, Key{
		Name: "sasl.login.read.timeout.ms", Type: TypeInt, Null: true,
		Status: Refused, Why: noSecurity,
		Doc: "How long the login waits for its provider's answer.",
	}),
	declare(Brokers, Key{
		Name: "sasl.login.refresh.buffer.seconds", Type: TypeShort, Default: "300", Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "Time before a credential's end that its renewal keeps.",
	}),
	declare(Brokers, Key{
		Name: "sasl.login.refresh.min.period.seconds", Type: TypeShort, Default: "60", Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "Shortest time between two renewals of a credential.",
	}),
	declare(Brokers, Key{
		Name: "sasl.login.refresh.window.factor", Type: TypeDouble, Default: "0.8", Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "Share of a credential's life after which it is renewed.",
	}),
	declare(Brokers, Key{
		Name: "sasl.login.refresh.window.jitter", Type: TypeDouble, Default: "0.05", Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "Randomness of a credential's renewal.",
	}),
	declare(Brokers, Key{
		Name: "sasl.login.retry.backoff.max.ms", Type: TypeLong, Default: "10000",
		Status: Refused, Why: noSecurity,
		Doc: "Longest back-off of a failed login.",
	}),
	declare(Brokers, Key{
		Name: "sasl.login.retry.backoff.ms", Type: TypeLong, Default: "100",
		Status: Refused, Why: noSecurity,
		Doc: "First back-off of a failed login.",
	}),
	declare(Brokers, Key{
		Name: "sasl.mechanism.controller.protocol", Type: TypeString, Default: "GSSAPI", Importance: High,
		Status: Refused, Why: noSecurity,
		Doc: "SASL mechanism towards controllers.",
	}),
	declare(Brokers, Key{
		Name: "sasl.mechanism.inter.broker.protocol", Type: TypeString, Default: "GSSAPI", Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "SASL mechanism between brokers.",
	}),
	declare(Brokers, Key{
		Name: "sasl.oauthbearer.allow.unverified.audience", Type: TypeBoolean, Default: "false", Importance: Medium,
		Status: Refused, Why: noSecurity,
		Doc: "Whether a token's audience goes unchecked.",
	}),
	declare(Brokers, Key{
		Name: "sasl.oauthbearer.allow.unverified.issuer", Type: TypeBoolean, Default: "false", Importance: Medium,
		Status: Refused, Why: noSecurity,
		Doc: "Whether a token's issuer goes unchecked.",
	}),
	declare(Brokers, Key{
		Name: "sasl.oauthbearer.assertion.algorithm", Type: TypeString, Default: "RS256", Rule: oneOfAnyCase("ES256", "RS256"), Importance: Medium,
		Status: Refused, Why: noSecurity,
		Doc: "Algorithm that an assertion is signed with.",
	}),
	declare(Brokers, Key{
		Name: "sasl.oauthbearer.assertion.claim.aud", Type: TypeString, Null: true, Importance: Medium,
		Status: Refused, Why: noSecurity,
		Doc: "Audience of an assertion.",
	}),
	declare(Brokers, Key{
		Name: "sasl.oauthbearer.assertion.claim.exp.seconds", Type: TypeInt, Default: "300", Rule: between(0, 86400),
		Status: Refused, Why: noSecurity,
		Doc: "Life of an assertion in seconds.",
	}),
	declare(Brokers, Key{
		Name: "sasl.oauthbearer.assertion.claim.iss", Type: TypeString, Null: true, Importance: Medium,
		Status: Refused, Why: noSecurity,
		Doc: "Issuer of an assertion.",
	}),
	declare(Brokers, Key{
		Name: "sasl.oauthbearer.assertion.claim.jti.include", Type: TypeBoolean, Default: "false", Importance: Medium,
		Status: Refused, Why: noSecurity,
		Doc: "Whether an assertion has an id.",
	}),
	declare(Brokers, Key{
		Name: "sasl.oauthbearer.assertion.claim.nbf.seconds", Type: TypeInt, Default: "60", Rule: between(0, 3600),
		Status: Refused, Why: noSecurity,
		Doc: "How long before now an assertion's validity begins, in seconds.",
	}),
	declare(Brokers, Key{
		Name: "sasl.oauthbearer.assertion.claim.sub", Type: TypeString, Null: true, Importance: Medium,
		Status: Refused, Why: noSecurity,
		Doc: "Subject of an assertion.",
	}),
	declare(Brokers, Key{
		Name: "sasl.oauthbearer.assertion.file", Type: TypeString, Null: true, Importance: Medium,
		Status: Refused, Why: noSecurity,
		Doc: "File with a ready assertion.",
	}),
	declare(Brokers, Key{
		Name: "sasl.oauthbearer.assertion.private.key.file", Type: TypeString, Null: true, Importance: Medium,
		Status: Refused, Why: noSecurity,
		Doc: "File with the key that assertions are signed with.",
	}),
	declare(Brokers, Key{
		Name: "sasl.oauthbearer.assertion.private.key.passphrase", Type: TypePassword, Null: true, Importance: Medium,
		Status: Refused, Why: noSecurity,
		Doc: "Passphrase of that key.",
	}),
	declare(Brokers, Key{
		Name: "sasl.oauthbearer.assertion.template.file", Type: TypeString, Null: true, Importance: Medium,
		Status: Refused, Why: noSecurity,
		Doc: "File with a template of assertions.",
	}),
	declare(Brokers, Key{
		Name: "sasl.oauthbearer.client.credentials.client.id", Type: TypeString, Null: true, Importance: Medium,
		Status: Refused, Why: noSecurity,
		Doc: "Client id towards the token endpoint.",
	}),
	declare(Brokers, Key{
		Name: "sasl.oauthbearer.client.credentials.client.secret", Type: TypePassword, Null: true, Importance: Medium,
		Status: Refused, Why: noSecurity,
		Doc: "Client secret towards the token endpoint.",
	}),
	declare(Brokers, Key{
		Name: "sasl.oauthbearer.clock.skew.seconds", Type: TypeInt, Default: "30",
		Status: Refused, Why: noSecurity,
		Doc: "Difference of clocks that is accepted in a token.",
	}),
	declare(Brokers, Key{
		Name: "sasl.oauthbearer.expected.audience", Type: TypeList, Importance: High,
		Status: Refused, Why: noSecurity,
		Doc: "Audiences of which a token must name one.",
	}),
	declare(Brokers, Key{
		Name: "sasl.oauthbearer.expected.issuer", Type: TypeString, Null: true, Importance: High,
		Status: Refused, Why: noSecurity,
		Doc: "The issuer that a token must name.",
	}),
	declare(Brokers, Key{
		Name: "sasl.oauthbearer.jwks.endpoint.refresh.ms", Type: TypeLong, Default: "3600000",
		Status: Refused, Why: noSecurity,
		Doc: "How often the issuer's keys are fetched.",
	}),
	declare(Brokers, Key{
		Name: "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", Type: TypeLong, Default: "10000",
		Status: Refused, Why: noSecurity,
		Doc: "Longest back-off of that fetch.",
	}),
	declare(Brokers, Key{
		Name: "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", Type: TypeLong, Default: "100",
		Status: Refused, Why: noSecurity,
		Doc: "First back-off of that fetch.",
	}),
	declare(Brokers, Key{
		Name: "sasl.oauthbearer.jwks.endpoint.url", Type: TypeString, Null: true, Importance: Medium,
		Status: Refused, Why: noSecurity,
		Doc: "Where the issuer's keys are fetched.",
	}),
	declare(Brokers, Key{
		Name: "sasl.oauthbearer.jwt.retriever.class", Type: TypeClass, Default: "org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever", Importance: Medium,
		Status: Refused, Why: noSecurity,
		Doc: "Java class that fetches tokens.",
	}),
	declare(Brokers, Key{
		Name: "sasl.oauthbearer.jwt.validator.class", Type: TypeClass, Default: "org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator", Importance: Medium,
		Status: Refused, Why: noSecurity,
		Doc: "Java class that checks tokens.",
	}),
	declare(Brokers, Key{
		Name: "sasl.oauthbearer.scope", Type: TypeString, Null: true, Importance: Medium,
		Status: Refused, Why: noSecurity,
		Doc: "Scope asked for at the token endpoint.",
	}),
	declare(Brokers, Key{
		Name: "sasl.oauthbearer.scope.claim.name", Type: TypeString, Default: "scope",
		Status: Refused, Why: noSecurity,
		Doc: "Name of the scope's claim.",
	}),
	declare(Brokers, Key{
		Name: "sasl.oauthbearer.sub.claim.name", Type: TypeString, Default: "sub",
		Status: Refused, Why: noSecurity,
		Doc: "Name of the subject's claim.",
	}),
	declare(Brokers, Key{
		Name: "sasl.oauthbearer.token.endpoint.url", Type: TypeString, Null: true, Importance: Medium,
		Status: Refused, Why: noSecurity,
		Doc: "Where tokens are fetched.",
	}),
	declare(Brokers, Key{
		Name: "sasl.server.callback.handler.class", Type: TypeClass, Null: true, Importance: Medium,
		Status: Refused, Why: noSecurity,
		Doc: "Java class of the SASL server's callbacks.",
	}),
	declare(Brokers, Key{
		Name: "sasl.server.max.receive.size", Type: TypeInt, Default: "524288", Importance: Medium,
		Status: Refused, Why: noSecurity,
		Doc: "Largest SASL message before a connection is authenticated.",
	}),
	declare(Brokers, Key{
		Name: "security.inter.broker.protocol", Type: TypeString, Default: "PLAINTEXT", Rule: oneOf("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"), Importance: Medium,
		Status: Refused, Why: noSecurity,
		Doc: "Security protocol between brokers, if inter.broker.listener.name isn't set.",
	}),
	declare(Brokers, Key{
		Name: "security.providers", Type: TypeString, Null: true,
		Status: Refused, Why: noSecurity,
		Doc: "Java security providers.",
	}),
	declare(Brokers, Key{
		Name: "ssl.allow.dn.changes", Type: TypeBoolean, Default: "false",
		Status: Refused, Why: noSecurity,
		Doc: "Whether a new certificate may have another distinguished name.",
	}),
	declare(Brokers, Key{
		Name: "ssl.allow.san.changes", Type: TypeBoolean, Default: "false",
		Status: Refused, Why: noSecurity,
		Doc: "Whether a new certificate may have other alternative names.",
	}),
	declare(Brokers, Key{
		Name: "ssl.cipher.suites", Type: TypeList, Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "Cipher suites that are offered.",
	}),
	declare(Brokers, Key{
		Name: "ssl.client.auth", Type: TypeString, Default: "none", Rule: oneOf("required", "requested", "none"), Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "Whether clients must show a certificate.",
	}),
	declare(Brokers, Key{
		Name: "ssl.enabled.protocols", Type: TypeList, Default: "TLSv1.2,TLSv1.3", Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "TLS versions that are offered.",
	}),
	declare(Brokers, Key{
		Name: "ssl.endpoint.identification.algorithm", Type: TypeString, Default: "https", Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "How a server's name is checked against its certificate.",
	}),
	declare(Brokers, Key{
		Name: "ssl.engine.factory.class", Type: TypeClass, Null: true, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "Java class that makes TLS engines.",
	}),
	declare(Brokers, Key{
		Name: "ssl.key.password", Type: TypePassword, Null: true, Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "Password of the private key.",
	}),
	declare(Brokers, Key{
		Name: "ssl.keymanager.algorithm", Type: TypeString, Default: "SunX509", Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "Algorithm of Java's key manager.",
	}),
	declare(Brokers, Key{
		Name: "ssl.keystore.certificate.chain", Type: TypePassword, Null: true, Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "Certificate chain, as PEM.",
	}),
	declare(Brokers, Key{
		Name: "ssl.keystore.key", Type: TypePassword, Null: true, Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "Private key, as PEM.",
	}),
	declare(Brokers, Key{
		Name: "ssl.keystore.location", Type: TypeString, Null: true, Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "File with the private key and its certificate.",
	}),
	declare(Brokers, Key{
		Name: "ssl.keystore.password", Type: TypePassword, Null: true, Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "Password of that file.",
	}),
	declare(Brokers, Key{
		Name: "ssl.keystore.type", Type: TypeString, Default: "JKS", Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "Format of that file.",
	}),
	declare(Brokers, Key{
		Name: "ssl.principal.mapping.rules", Type: TypeString, Default: "DEFAULT",
		Status: Refused, Why: noSecurity,
		Doc: "Rules from a certificate's name to a principal.",
	}),
	declare(Brokers, Key{
		Name: "ssl.protocol", Type: TypeString, Default: "TLSv1.3", Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "TLS version that contexts are made with.",
	}),
	declare(Brokers, Key{
		Name: "ssl.provider", Type: TypeString, Null: true, Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "Java security provider of TLS.",
	}),
	declare(Brokers, Key{
		Name: "ssl.secure.random.implementation", Type: TypeString, Null: true, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "Java's random number generator of TLS.",
	}),
	declare(Brokers, Key{
		Name: "ssl.trustmanager.algorithm", Type: TypeString, Default: "PKIX", Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "Algorithm of Java's trust manager.",
	}),
	declare(Brokers, Key{
		Name: "ssl.truststore.certificates", Type: TypePassword, Null: true, Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "Trusted certificates, as PEM.",
	}),
	declare(Brokers, Key{
		Name: "ssl.truststore.location", Type: TypeString, Null: true, Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "File with the trusted certificates.",
	}),
	declare(Brokers, Key{
		Name: "ssl.truststore.password", Type: TypePassword, Null: true, Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "Password of that file.",
	}),
	declare(Brokers, Key{
		Name: "ssl.truststore.type", Type: TypeString, Default: "JKS", Importance: Medium, Mode: PerBroker,
		Status: Refused, Why: noSecurity,
		Doc: "Format of that file.",
	}),
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What becomes of each keyword of ssh_config(5): all of OpenSSH 9.2 with Debian's additions, and those
 * of later releases. docs/configuration.md says the same in words; tests/keys compares.
 *
 * Values of keywords that have an id below HAW_K_SINGLE are read into haw_host_values whatever their kind;
 * the row becomes a VALUE when something acts upon them.
 */
#include "transport/keys/config_internal.h"

#include <strings.h>

/* clang-format off */
#define VALUE(name, id)		{ (name), NULL, HAW_KEYWORD_VALUE, (id), NULL }
#define NOTE(name)		{ (name), NULL, HAW_KEYWORD_NOTE, HAW_K_SINGLE, NULL }
#define NOTES(name)		{ (name), NULL, HAW_KEYWORD_NOTE, HAW_K_MANY, NULL }
#define REFUSED(name, id, inert) { (name), (inert), HAW_KEYWORD_REFUSED, (id), NULL }
#define BLOCK(name, id)		{ (name), NULL, HAW_KEYWORD_BLOCK, (id), NULL }
#define ALIAS(name, of)		{ (name), NULL, HAW_KEYWORD_NOTE, HAW_K_SINGLE, (of) }

static const struct haw_keyword keywords[] = {
	BLOCK("Host", HAW_K_HOST),
	BLOCK("Match", HAW_K_MATCH),
	BLOCK("Include", HAW_K_INCLUDE),

	/* In force. */
	VALUE("HostName", HAW_K_HOSTNAME),
	VALUE("User", HAW_K_USER),
	VALUE("Port", HAW_K_PORT),
	VALUE("AddressFamily", HAW_K_ADDRESS_FAMILY),
	VALUE("CanonicalizeHostname", HAW_K_CANONICALIZE),
	VALUE("CanonicalDomains", HAW_K_CANONICAL_DOMAINS),
	VALUE("CanonicalizeMaxDots", HAW_K_CANONICALIZE_DOTS),
	VALUE("CanonicalizeFallbackLocal", HAW_K_CANONICALIZE_FALLBACK),
	VALUE("CanonicalizePermittedCNAMEs", HAW_K_PERMITTED_CNAMES),
	VALUE("IdentityFile", HAW_K_IDENTITY_FILE),
	VALUE("IdentitiesOnly", HAW_K_IDENTITIES_ONLY),
	VALUE("IdentityAgent", HAW_K_IDENTITY_AGENT),
	VALUE("CertificateFile", HAW_K_CERTIFICATE_FILE),
	VALUE("PubkeyAcceptedAlgorithms", HAW_K_PUBKEY_ALGORITHMS),
	VALUE("PreferredAuthentications", HAW_K_PREFERRED_AUTH),
	VALUE("NumberOfPasswordPrompts", HAW_K_PASSWORD_PROMPTS),
	VALUE("Ciphers", HAW_K_CIPHERS),
	VALUE("MACs", HAW_K_MACS),
	VALUE("KexAlgorithms", HAW_K_KEX),
	VALUE("HostKeyAlgorithms", HAW_K_HOST_KEY_ALGORITHMS),
	VALUE("UserKnownHostsFile", HAW_K_USER_KNOWN_HOSTS),
	VALUE("GlobalKnownHostsFile", HAW_K_GLOBAL_KNOWN_HOSTS),
	VALUE("StrictHostKeyChecking", HAW_K_STRICT),
	VALUE("HashKnownHosts", HAW_K_HASH_KNOWN_HOSTS),
	VALUE("HostKeyAlias", HAW_K_HOST_KEY_ALIAS),
	VALUE("RequiredRSASize", HAW_K_REQUIRED_RSA_SIZE),
	VALUE("UpdateHostKeys", HAW_K_UPDATE_HOST_KEYS),
	VALUE("KnownHostsCommand", HAW_K_KNOWN_HOSTS_COMMAND),
	VALUE("RevokedHostKeys", HAW_K_REVOKED_HOST_KEYS),
	VALUE("CASignatureAlgorithms", HAW_K_CA_ALGORITHMS),
	VALUE("BatchMode", HAW_K_BATCH_MODE),
	VALUE("PubkeyAuthentication", HAW_K_PUBKEY_AUTH),
	VALUE("PasswordAuthentication", HAW_K_PASSWORD_AUTH),
	VALUE("KbdInteractiveAuthentication", HAW_K_KBDINT_AUTH),
	VALUE("ConnectTimeout", HAW_K_CONNECT_TIMEOUT),
	VALUE("ServerAliveInterval", HAW_K_ALIVE_INTERVAL),
	VALUE("ServerAliveCountMax", HAW_K_ALIVE_COUNT),
	VALUE("RekeyLimit", HAW_K_REKEY_LIMIT),
	VALUE("LogLevel", HAW_K_LOG_LEVEL),
	VALUE("BindAddress", HAW_K_BIND_ADDRESS),
	VALUE("BindInterface", HAW_K_BIND_INTERFACE),
	VALUE("Compression", HAW_K_COMPRESSION),
	VALUE("ConnectionAttempts", HAW_K_ATTEMPTS),
	VALUE("IPQoS", HAW_K_IP_QOS),
	VALUE("TCPKeepAlive", HAW_K_TCP_KEEP_ALIVE),
	VALUE("ProxyCommand", HAW_K_PROXY),
	VALUE("ProxyJump", HAW_K_PROXY),
	VALUE("IgnoreUnknown", HAW_K_IGNORE_UNKNOWN),

	/* They change the route, the host's identity or what is trusted, unless their value is inert. */
	REFUSED("ProxyUseFdpass", HAW_K_SINGLE, "no,false"),
	REFUSED("CheckHostIP", HAW_K_SINGLE, "no,false"),
	REFUSED("VerifyHostKeyDNS", HAW_K_SINGLE, "no,false"),
	REFUSED("HostbasedAuthentication", HAW_K_SINGLE, "no,false"),
	REFUSED("NoHostAuthenticationForLocalhost", HAW_K_SINGLE, "no,false"),
	REFUSED("Tunnel", HAW_K_SINGLE, "no,false"),
	REFUSED("RefuseConnection", HAW_K_SINGLE, NULL),

	/* They change nothing about a file transfer's route, host or trust. */
	NOTE("AddKeysToAgent"),
	NOTE("ChannelTimeout"),
	NOTE("ClearAllForwardings"),
	NOTE("ControlMaster"),
	NOTE("ControlPath"),
	NOTE("ControlPersist"),
	NOTE("EnableEscapeCommandline"),
	NOTE("EnableSSHKeysign"),
	NOTE("EscapeChar"),
	NOTE("ExitOnForwardFailure"),
	NOTE("FingerprintHash"),
	NOTE("ForkAfterAuthentication"),
	NOTE("ForwardAgent"),
	NOTE("ForwardX11"),
	NOTE("ForwardX11Timeout"),
	NOTE("ForwardX11Trusted"),
	NOTE("GatewayPorts"),
	NOTE("GSSAPIAuthentication"),
	NOTE("GSSAPIClientIdentity"),
	NOTE("GSSAPIDelegateCredentials"),
	NOTE("GSSAPIKeyExchange"),
	NOTE("GSSAPIKexAlgorithms"),
	NOTE("GSSAPIRenewalForcesRekey"),
	NOTE("GSSAPIServerIdentity"),
	NOTE("GSSAPITrustDns"),
	NOTE("HostbasedAcceptedAlgorithms"),
	NOTE("KbdInteractiveDevices"),
	NOTE("LocalCommand"),
	NOTE("LogVerbose"),
	NOTE("ObscureKeystrokeTiming"),
	NOTE("PKCS11Provider"),
	NOTE("PermitLocalCommand"),
	NOTE("PermitRemoteOpen"),
	NOTE("RemoteCommand"),
	NOTE("RequestTTY"),
	NOTE("SecurityKeyProvider"),
	NOTE("SessionType"),
	NOTE("StdinNull"),
	NOTE("StreamLocalBindMask"),
	NOTE("StreamLocalBindUnlink"),
	NOTE("SyslogFacility"),
	NOTE("Tag"),
	NOTE("TunnelDevice"),
	NOTE("VersionAddendum"),
	NOTE("VisualHostKey"),
	NOTE("WarnWeakCrypto"),
	NOTE("XAuthLocation"),
	NOTES("DynamicForward"),
	NOTES("LocalForward"),
	NOTES("RemoteForward"),
	NOTES("SendEnv"),
	NOTES("SetEnv"),

	/* Deprecated; OpenSSH ignores them too. */
	NOTE("AFSTokenPassing"),
	NOTE("Cipher"),
	NOTE("CompressionLevel"),
	NOTE("FallBackToRsh"),
	NOTE("GlobalKnownHostsFile2"),
	NOTE("KerberosAuthentication"),
	NOTE("KerberosTgtPassing"),
	NOTE("Protocol"),
	NOTE("RhostsAuthentication"),
	NOTE("RhostsRSAAuthentication"),
	NOTE("RSAAuthentication"),
	NOTE("UseBlacklistedKeys"),
	NOTE("UsePrivilegedPort"),
	NOTE("UserKnownHostsFile2"),
	NOTE("UseRoaming"),
	NOTE("UseRsh"),

	/* Other names. */
	ALIAS("ChallengeResponseAuthentication", "KbdInteractiveAuthentication"),
	ALIAS("SkeyAuthentication", "KbdInteractiveAuthentication"),
	ALIAS("TISAuthentication", "KbdInteractiveAuthentication"),
	ALIAS("DSAAuthentication", "PubkeyAuthentication"),
	ALIAS("IdentityFile2", "IdentityFile"),
	ALIAS("ProtocolKeepAlives", "ServerAliveInterval"),
	ALIAS("SetupTimeOut", "ServerAliveInterval"),
	ALIAS("KeepAlive", "TCPKeepAlive"),
	ALIAS("SmartcardDevice", "PKCS11Provider"),
	ALIAS("HostbasedKeyTypes", "HostbasedAcceptedAlgorithms"),
	ALIAS("HostbasedAcceptedKeyTypes", "HostbasedAcceptedAlgorithms"),
	ALIAS("PubkeyAcceptedKeyTypes", "PubkeyAcceptedAlgorithms"),
};
/* clang-format on */

const struct haw_keyword *haw_keyword_at(size_t index)
{
	return index < sizeof(keywords) / sizeof(keywords[0]) ? &keywords[index] : NULL;
}

const struct haw_keyword *haw_keyword_find(const char *name)
{
	const struct haw_keyword *keyword;

	for (size_t i = 0; (keyword = haw_keyword_at(i)) != NULL; i++) {
		if (strcasecmp(keyword->name, name) == 0)
			return keyword->alias ? haw_keyword_find(keyword->alias) : keyword;
	}
	return NULL;
}

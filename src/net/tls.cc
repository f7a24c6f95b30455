#include "net/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <cerrno>

#include "net/address.h"

namespace weir::net {
namespace {

// OpenSSL's own socket BIO writes with write(2), which raises SIGPIPE on a closed connection; this one does not.
int bioFd(BIO* bio) { return static_cast<int>(reinterpret_cast<intptr_t>(BIO_get_data(bio))); }

int bioRead(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t got = recv(bioFd(bio), into, static_cast<size_t>(size), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  if (got == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(got);
}

int bioWrite(BIO* bio, const char* from, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t sent = send(bioFd(bio), from, static_cast<size_t>(size), MSG_NOSIGNAL);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

long bioControl(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
  return 0;
}

BIO_METHOD* socketBioMethod() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir socket");
    BIO_meth_set_read(made, bioRead);
    BIO_meth_set_write(made, bioWrite);
    BIO_meth_set_ctrl(made, bioControl);
    return made;
  }();
  return method;
}

SslSession makeSessionOn(SSL_CTX* context, int fd) {
  SslSession session(SSL_new(context));
  BIO* bio = session ? BIO_new(socketBioMethod()) : nullptr;
  if (!bio) return nullptr;
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<intptr_t>(fd)));
  BIO_set_init(bio, 1);
  SSL_set_bio(session.get(), bio, bio);
  return session;
}

void setCommonOptions(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context,
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
}

constexpr unsigned char kAlpn[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

int selectAlpn(SSL*, const unsigned char** out, unsigned char* outSize, const unsigned char* offered,
               unsigned int offeredSize, void*) {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, outSize, kAlpn, sizeof kAlpn, offered, offeredSize) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

std::string takeTlsError() {
  std::string text;
  while (const unsigned long code = ERR_get_error()) {
    char line[256];
    ERR_error_string_n(code, line, sizeof line);
    if (text.empty()) text = line;
  }
  return text.empty() ? "TLS failed" : text;
}

base::Result<std::unique_ptr<TlsClientContext>> TlsClientContext::make(const TlsClientOptions& options) {
  std::unique_ptr<TlsClientContext> made(
      new TlsClientContext(SSL_CTX_new(TLS_client_method()), options.trustSystemStore));
  SSL_CTX* context = made->context_.get();
  if (!context) return base::Error{takeTlsError()};
  setCommonOptions(context);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_alpn_protos(context, kAlpn, sizeof kAlpn);
  if (!options.caFile.empty() && SSL_CTX_load_verify_file(context, options.caFile.c_str()) != 1)
    return base::Error{"certificates in " + options.caFile + ": " + takeTlsError()};
  return made;
}

void TlsClientContext::prepare() const {
  if (!trustSystemStore_) return;
  std::call_once(prepared_, [this] {
    // A store that is missing or torn trusts nobody: the handshake says so.
    SSL_CTX_set_default_verify_paths(context_.get());
    ERR_clear_error();
  });
}

SslSession TlsClientContext::makeSession(int fd, const std::string& host) const {
  prepare();
  SslSession session = makeSessionOn(context_.get(), fd);
  if (!session) return nullptr;
  SSL_set_connect_state(session.get());
  X509_VERIFY_PARAM* verify = SSL_get0_param(session.get());
  if (Address::fromIp(host, 0)) {
    if (X509_VERIFY_PARAM_set1_ip_asc(verify, host.c_str()) != 1) return nullptr;
  } else {
    X509_VERIFY_PARAM_set_hostflags(verify, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (X509_VERIFY_PARAM_set1_host(verify, host.data(), host.size()) != 1) return nullptr;
    if (SSL_set_tlsext_host_name(session.get(), host.c_str()) != 1) return nullptr;
  }
  return session;
}

base::Result<std::unique_ptr<TlsServerContext>> TlsServerContext::make(const std::string& certificateFile,
                                                                       const std::string& keyFile) {
  std::unique_ptr<TlsServerContext> made(new TlsServerContext(SSL_CTX_new(TLS_server_method())));
  SSL_CTX* context = made->context_.get();
  if (!context) return base::Error{takeTlsError()};
  setCommonOptions(context);
  SSL_CTX_set_alpn_select_cb(context, selectAlpn, nullptr);
  if (SSL_CTX_use_certificate_chain_file(context, certificateFile.c_str()) != 1)
    return base::Error{"certificate " + certificateFile + ": " + takeTlsError()};
  if (SSL_CTX_use_PrivateKey_file(context, keyFile.c_str(), SSL_FILETYPE_PEM) != 1)
    return base::Error{"private key " + keyFile + ": " + takeTlsError()};
  return made;
}

SslSession TlsServerContext::makeSession(int fd) const {
  SslSession session = makeSessionOn(context_.get(), fd);
  if (session) SSL_set_accept_state(session.get());
  return session;
}

}  // namespace weir::net

// TLS settings shared by many connections: certificates, trust, protocol bounds (TLS 1.2 and newer, ALPN http/1.1).
//
// A context is immutable once made; any number of threads may make sessions from it.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "base/result.h"

namespace weir::net {

struct SslDeleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslSession = std::unique_ptr<SSL, SslDeleter>;

struct TlsClientOptions {
  bool trustSystemStore = true;
  std::string caFile;  // PEM, trusted in addition; empty: none
};

class TlsClientContext {
 public:
  static base::Result<std::unique_ptr<TlsClientContext>> make(const TlsClientOptions& options);

  // A client session on a non-blocking socket that offers `host` as SNI (unless it is an IP address) and accepts only
  // a certificate for it. Null when OpenSSL refuses the name.
  SslSession makeSession(int fd, const std::string& host) const;

 private:
  explicit TlsClientContext(SSL_CTX* context) : context_(context) {}
  std::unique_ptr<SSL_CTX, SslDeleter> context_;
};

class TlsServerContext {
 public:
  // PEM files; the certificate file may carry its chain. The error names the file that was refused.
  static base::Result<std::unique_ptr<TlsServerContext>> make(const std::string& certificateFile,
                                                              const std::string& keyFile);

  SslSession makeSession(int fd) const;

 private:
  explicit TlsServerContext(SSL_CTX* context) : context_(context) {}
  std::unique_ptr<SSL_CTX, SslDeleter> context_;
};

// Empties OpenSSL's error queue of this thread into one line.
std::string takeTlsError();

}  // namespace weir::net

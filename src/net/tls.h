// TLS settings shared by many connections: certificates, trust, protocol bounds (TLS 1.2 and newer, ALPN http/1.1).
//
// A context is immutable once made; any number of threads may make sessions from it.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <mutex>
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

// Threads: any, at the same time; one serves every loop.
class TlsClientContext {
 public:
  // The system's store is not read here: that takes some 40 ms, which a process that fetches nothing over TLS need not
  // wait for.
  static base::Result<std::unique_ptr<TlsClientContext>> make(const TlsClientOptions& options);

  // Reads the system's store now, once, so that the first session finds it read. From a thread with time.
  void prepare() const;

  // A client session on a non-blocking socket that offers `host` as SNI (unless it is an IP address) and accepts only
  // a certificate for it. Null when OpenSSL refuses the name.
  SslSession makeSession(int fd, const std::string& host) const;

 private:
  TlsClientContext(SSL_CTX* context, bool trustSystemStore) : context_(context), trustSystemStore_(trustSystemStore) {}
  std::unique_ptr<SSL_CTX, SslDeleter> context_;
  const bool trustSystemStore_;
  mutable std::once_flag prepared_;
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

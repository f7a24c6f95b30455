// Descriptors and the few socket calls that listeners and streams share. Every socket is non-blocking and
// close-on-exec.
#pragma once

#include <utility>

#include "base/result.h"
#include "net/address.h"

namespace weir::net {

// Owns a descriptor; a value that moves.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Fd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

// A listening socket with SO_REUSEADDR and SO_REUSEPORT; an IPv6 one takes IPv6 only. The error names the address.
base::Result<Fd> listenTcp(const Address& address, int backlog);

// Whether nobody listens on this address yet, not even one that would share it (SO_REUSEPORT). An address with port 0
// always can be had.
base::Status checkUnused(const Address& address);

// Starts a connect; the socket is writable when it is done. The error says which call failed.
struct ConnectFailure {
  int code;  // an errno
  std::string message;
};
base::Result<Fd, ConnectFailure> startConnect(const Address& address);

// What a finished non-blocking connect came to: 0, or an errno.
int connectResult(int fd);

void setNoDelay(int fd);
// The next close resets the connection, so that the peer sees truncation and not an end.
void setResetOnClose(int fd);

// The address a socket is bound to: tells which port 0 became.
std::optional<Address> localAddress(int fd);

}  // namespace weir::net

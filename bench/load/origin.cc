// bench_origin: the smallest server that does the job, one thread around epoll. It is the upstream of the proxy rows,
// and what a platform adds is measured against it. Answers GET /bytes/N with N bytes, anything else with 1 KB; keeps
// connections alive. Prints its port and serves until it is killed or its parent has gone.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr size_t kHeadBytesMax = 64 * 1024;
constexpr size_t kPieceBytes = 256 * 1024;
constexpr uint64_t kDefaultBytes = 1024;

struct Connection {
  int fd;
  std::string in;
  std::string head;       // of the response, not yet sent
  uint64_t bodyLeft = 0;  // of the response, not yet sent
  uint32_t events = EPOLLIN;
};

class Origin {
 public:
  Origin() : piece_(kPieceBytes, 'x') {}

  int run() {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 1024) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      std::perror("bench_origin");
      return 2;
    }
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    watch(listener_, EPOLLIN, EPOLL_CTL_ADD);
    std::printf("%d\n", ntohs(address.sin_port));
    std::fflush(stdout);
    std::vector<epoll_event> ready(256);
    for (;;) {
      const int found = epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), -1);
      for (int i = 0; i < found; ++i) {
        const auto& event = ready[static_cast<size_t>(i)];
        if (event.data.fd == listener_) {
          accept();
        } else if (const auto at = connections_.find(event.data.fd); at != connections_.end() && !serve(at->second)) {
          close(event.data.fd);
          connections_.erase(at);
        }
      }
    }
  }

 private:
  void watch(int fd, uint32_t events, int operation) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    epoll_ctl(epoll_, operation, fd, &event);
  }

  void accept() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd < 0) return;
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      connections_[fd] = Connection{.fd = fd, .in = {}, .head = {}};
      watch(fd, EPOLLIN, EPOLL_CTL_ADD);
    }
  }

  // False: the connection is over.
  bool serve(Connection& connection) {
    for (;;) {
      if (!connection.head.empty() || connection.bodyLeft > 0) {
        if (!write(connection)) return false;
        if (!connection.head.empty() || connection.bodyLeft > 0) break;
      }
      const size_t end = connection.in.find("\r\n\r\n");
      if (end != std::string::npos) {
        answer(connection, std::string_view(connection.in).substr(0, connection.in.find("\r\n")));
        connection.in.erase(0, end + 4);
        continue;
      }
      char bytes[16 * 1024];
      const ssize_t got = recv(connection.fd, bytes, sizeof bytes, 0);
      if (got < 0 && errno == EAGAIN) break;
      if (got <= 0 || connection.in.size() > kHeadBytesMax) return false;
      connection.in.append(bytes, static_cast<size_t>(got));
      if (connection.in.find("\r\n\r\n") == std::string::npos) break;
    }
    const uint32_t wanted = !connection.head.empty() || connection.bodyLeft > 0 ? EPOLLOUT : EPOLLIN;
    if (wanted != connection.events) watch(connection.fd, connection.events = wanted, EPOLL_CTL_MOD);
    return true;
  }

  void answer(Connection& connection, std::string_view line) {
    uint64_t bytes = kDefaultBytes;
    constexpr std::string_view kPath = " /bytes/";
    if (const size_t at = line.find(kPath); at != std::string_view::npos) {
      const std::string_view digits = line.substr(at + kPath.size());
      std::from_chars(digits.data(), digits.data() + digits.size(), bytes);
    }
    connection.head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(bytes) + "\r\n\r\n";
    connection.bodyLeft = bytes;
    const uint64_t joined = std::min<uint64_t>(bytes, kDefaultBytes);
    connection.head.append(piece_, 0, joined);
    connection.bodyLeft -= joined;
  }

  bool write(Connection& connection) {
    while (!connection.head.empty()) {
      const ssize_t sent = send(connection.fd, connection.head.data(), connection.head.size(), MSG_NOSIGNAL);
      if (sent < 0) return errno == EAGAIN;
      connection.head.erase(0, static_cast<size_t>(sent));
    }
    while (connection.bodyLeft > 0) {
      const size_t part = std::min<uint64_t>(piece_.size(), connection.bodyLeft);
      const ssize_t sent = send(connection.fd, piece_.data(), part, MSG_NOSIGNAL);
      if (sent < 0) return errno == EAGAIN;
      connection.bodyLeft -= static_cast<uint64_t>(sent);
    }
    return true;
  }

  const std::string piece_;
  int listener_ = -1;
  int epoll_ = -1;
  std::map<int, Connection> connections_;
};

}  // namespace

int main() {
  signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  return Origin().run();
}

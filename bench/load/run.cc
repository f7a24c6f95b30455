#include "load/run.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <functional>
#include <queue>

#include "load/response_reader.h"

namespace weir::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kReadBytes = 512 * 1024;

int64_t cpuNsOf(pid_t process) {
  clockid_t clock;
  timespec used;
  if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &used) != 0) return -1;
  return int64_t{used.tv_sec} * 1'000'000'000 + used.tv_nsec;
}

struct Connection {
  int fd = -1;
  size_t sent = 0;
  bool waiting = false;  // a request is out
  Clock::time_point startedAt;
  ResponseReader reader;
};

class Run {
 public:
  explicit Run(const RunOptions& options) : options_(options), buffer_(kReadBytes), connections_(options.connections) {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
  }
  ~Run() {
    for (const Connection& each : connections_)
      if (each.fd >= 0) close(each.fd);
    close(epoll_);
  }

  RunResult measure() {
    endsAt_ = Clock::now() + options_.timeMax;
    if (options_.warmup > 0) {
      phase(options_.warmup);
      result_.latenciesUs.clear();
      result_.answered = result_.bodyBytes = 0;
    }
    result_.latenciesUs.reserve(options_.requests);
    for (const pid_t process : options_.processes) result_.cpu.push_back({process, cpuNsOf(process)});
    const auto startedAt = Clock::now();
    if (result_.failed == 0) phase(options_.requests);
    result_.seconds = std::chrono::duration<double>(Clock::now() - startedAt).count();
    for (auto& cpu : result_.cpu) {
      const int64_t now = cpuNsOf(cpu.process);
      cpu.ns = cpu.ns < 0 || now < 0 ? -1 : now - cpu.ns;
    }
    result_.unanswered = options_.requests - std::min(options_.requests, result_.answered + result_.failed);
    std::sort(result_.latenciesUs.begin(), result_.latenciesUs.end());
    return std::move(result_);
  }

 private:
  struct Due {
    Clock::time_point at;
    size_t connection;
    bool operator>(const Due& other) const { return at > other.at; }
  };

  // Sends `count` requests and waits for their answers, or for the end of the time or the first failure.
  void phase(uint64_t count) {
    toSend_ = count;
    open_ = 0;
    for (size_t i = 0; i < connections_.size(); ++i) next(i);
    std::vector<epoll_event> ready(connections_.size());
    while (open_ > 0 || !due_.empty()) {
      const auto now = Clock::now();
      if (now >= endsAt_) return;
      auto until = endsAt_;
      if (!due_.empty()) until = std::min(until, due_.top().at);
      const auto wait = std::max(std::chrono::nanoseconds(0), std::chrono::nanoseconds(until - now));
      const timespec timeout{wait.count() / 1'000'000'000, wait.count() % 1'000'000'000};
      const int found = epoll_pwait2(epoll_, ready.data(), static_cast<int>(ready.size()), &timeout, nullptr);
      for (int i = 0; i < found; ++i) onReady(ready[static_cast<size_t>(i)].data.u64);
      while (!due_.empty() && due_.top().at <= Clock::now()) {
        const size_t connection = due_.top().connection;
        due_.pop();
        send(connection);
      }
    }
  }

  void next(size_t index) {
    if (toSend_ == 0 || result_.failed > 0) return;
    --toSend_;
    if (options_.pause.count() > 0) {
      due_.push({Clock::now() + options_.pause, index});
    } else {
      send(index);
    }
  }

  void send(size_t index) {
    Connection& connection = connections_[index];
    if (connection.fd < 0 && !connect(index)) return;
    connection.sent = 0;
    connection.reader.reset();
    connection.waiting = true;
    connection.startedAt = Clock::now();
    ++open_;
    write(index);
  }

  bool connect(size_t index) {
    Connection& connection = connections_[index];
    connection.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options_.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(connection.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      fail(index, std::string("connect: ") + std::strerror(errno));
      return false;
    }
    const int on = 1;
    setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = index;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event);
    return true;
  }

  void write(size_t index) {
    Connection& connection = connections_[index];
    const std::string& request = options_.request;
    const ssize_t sent = ::send(connection.fd, request.data() + connection.sent, request.size() - connection.sent,
                                MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) return fail(index, std::string("send: ") + std::strerror(errno));
    const bool wasPart = connection.sent > 0;
    connection.sent += static_cast<size_t>(std::max<ssize_t>(sent, 0));
    const bool isPart = connection.sent < request.size();
    if (!wasPart && !isPart) return;
    epoll_event event{};
    event.events = isPart ? EPOLLIN | EPOLLOUT : EPOLLIN;
    event.data.u64 = index;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
  }

  void onReady(size_t index) {
    Connection& connection = connections_[index];
    if (connection.fd < 0) return;
    if (connection.waiting && connection.sent < options_.request.size()) write(index);
    if (connection.fd < 0) return;
    const ssize_t got = recv(connection.fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0) return fail(index, std::string("recv: ") + std::strerror(errno));
    if (!connection.waiting) {
      // Between requests a server may close; the next request connects anew.
      if (got > 0) return fail(index, "bytes that belong to no request");
      close(connection.fd);
      connection.fd = -1;
      return;
    }
    if (got == 0) return fail(index, "the connection ended before the answer did");
    std::string_view bytes(buffer_.data(), static_cast<size_t>(got));
    switch (connection.reader.feed(bytes)) {
      case ResponseReader::State::kMore: return;
      case ResponseReader::State::kBroken: return fail(index, "not an HTTP/1.1 response");
      case ResponseReader::State::kDone: break;
    }
    if (!bytes.empty()) return fail(index, "bytes behind the response");
    const auto took =
        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - connection.startedAt).count();
    const ResponseReader& answer = connection.reader;
    if (answer.status() != 200) return fail(index, "status " + std::to_string(answer.status()));
    if (options_.expectBytes != 0 && answer.bodyBytes() != options_.expectBytes) {
      return fail(index, "a body of " + std::to_string(answer.bodyBytes()) + " bytes instead of " +
                             std::to_string(options_.expectBytes));
    }
    ++result_.answered;
    result_.bodyBytes += answer.bodyBytes();
    result_.latenciesUs.push_back(static_cast<uint32_t>(took));
    connection.waiting = false;
    --open_;
    next(index);
  }

  void fail(size_t index, std::string what) {
    Connection& connection = connections_[index];
    if (connection.waiting) --open_;
    connection.waiting = false;
    if (connection.fd >= 0) close(connection.fd);
    connection.fd = -1;
    if (result_.failed++ == 0) result_.firstFailure = std::move(what);
  }

  const RunOptions& options_;
  RunResult result_;
  std::vector<char> buffer_;
  std::vector<Connection> connections_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  int epoll_ = -1;
  uint64_t toSend_ = 0;
  uint64_t open_ = 0;
  Clock::time_point endsAt_;
};

}  // namespace

RunResult run(const RunOptions& options) { return Run(options).measure(); }

uint32_t percentile(const std::vector<uint32_t>& sorted, double share) {
  if (sorted.empty()) return 0;
  const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::clamp<size_t>(rank, 1, sorted.size()) - 1];
}

}  // namespace weir::bench

#include "control/control_server.h"

#include <algorithm>

#include "base/this_thread.h"

namespace weir::control {

namespace {

http::HttpLimits limits() {
  http::HttpLimits limits;
  limits.headBytesMax = 32 * 1024;
  limits.headerCountMax = 64;
  limits.urlBytesMax = 8 * 1024;
  limits.bodyBytesMax = 0;
  limits.connectionsMax = 64;
  limits.headTimeout = std::chrono::seconds(5);
  return limits;
}

ControlServer::Answer text(uint16_t status, std::string_view line) {
  return {status, "text/plain; charset=utf-8", std::string(line) + "\n"};
}

}  // namespace

bool ControlServer::isLocalName(std::string_view authority) {
  const auto parts = net::parseHostPort(authority);
  if (!parts) return false;
  std::string host = parts->host;
  std::transform(host.begin(), host.end(), host.begin(), [](unsigned char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : static_cast<char>(c);
  });
  if (host.ends_with('.')) host.pop_back();
  return host == "localhost" || host.ends_with(".localhost") || net::Address::fromIp(host, 0).has_value();
}

base::Result<std::unique_ptr<ControlServer>> ControlServer::start(Options options) {
  if (!options.anyAddress && options.address.scope() != net::AddressScope::kLoopback) {
    return base::Error{"others can reach " + options.address.format() +
                       "; name a loopback address, or allow it with --control-any-address"};
  }
  auto self = std::unique_ptr<ControlServer>(new ControlServer(std::move(options)));
  http::Server::Options server;
  server.address = self->options_.address;
  server.limits = limits();
  if (self->options_.api) self->api_ = std::make_unique<ApiServer>(self->loop_, *self->options_.api);
  auto opened = http::Server::open(self->loop_, server, *self);
  if (!opened.ok()) return opened.error();
  self->server_ = std::move(opened).value();
  self->address_ = self->server_->address();
  self->thread_ = std::thread([loop = &self->loop_] {
    base::nameThisThread("control");
    loop->run();
  });
  return self;
}

ControlServer::~ControlServer() {
  if (!thread_.joinable()) return;
  loop_.stop();
  thread_.join();
  server_.reset();  // its exchanges end before what answers them
}

namespace {

void respond(http::Exchange& exchange, const ControlServer::Answer& answer) {
  http::HeaderList headers;
  headers.add("content-type", answer.type);
  headers.add("cache-control", "no-store");
  headers.add("x-content-type-options", "nosniff");
  if (answer.status == 405) headers.add("allow", answer.body.starts_with("it is fired") ? "POST" : "GET, HEAD");
  if (!exchange.respond(answer.status, headers, answer.body)) exchange.abort();
}

// A request that is answered later.
class Waiting final : public http::ExchangeEvents {
 public:
  explicit Waiting(http::Exchange& exchange) : exchange_(&exchange) { exchange.setEvents(*this); }
  void onGone() override { exchange_ = nullptr; }
  void answer(const ControlServer::Answer& answer) {
    if (exchange_ != nullptr) respond(*std::exchange(exchange_, nullptr), answer);
  }

 private:
  http::Exchange* exchange_;
};

}  // namespace

void ControlServer::onRequest(http::Exchange& exchange) {
  const auto& head = exchange.head();
  const bool local = options_.anyAddress || isLocalName(head.authority);
  if (api_ && local && ApiServer::owns(head)) return api_->take(exchange);
  if (api_ && local && head.target == kCronPath) return fireCron(exchange);
  respond(exchange, answer(head));
}

void ControlServer::fireCron(http::Exchange& exchange) {
  const auto& head = exchange.head();
  if (head.method != "POST") return respond(exchange, text(405, "it is fired with POST"));
  const auto field = [&](std::string_view name) { return std::string(head.headers.find(name).value_or("")); };
  const std::string script = field(kScriptField);
  if (script.empty()) return respond(exchange, text(400, "name the script in the field " + std::string(kScriptField)));
  const auto waiting = std::make_shared<Waiting>(exchange);
  api_->authorize(head, exchange.remoteIp(), field(kAccountField), script,
                  [this, waiting, script, cron = field(kCronField)](const ApiServer::Authorized& account) {
                    if (!account.ok()) return waiting->answer(text(account.error().status, account.error().message));
                    options_.fireCron(*account, script, cron, [this, waiting](Answer answer) {
                      loop_.post([waiting, answer = std::move(answer)] { waiting->answer(answer); });
                    });
                  });
}

ControlServer::Answer ControlServer::answer(const http::RequestHead& head) const {
  if (!options_.anyAddress && !isLocalName(head.authority)) {
    return text(403, "this address is asked by its IP address or as localhost, not as " + head.authority);
  }
  const std::string_view path = std::string_view(head.target).substr(0, head.target.find('?'));
  const bool health = path == "/health";
  if (!health && path != "/metrics") return text(404, "there are /health and /metrics");
  if (head.method != "GET" && head.method != "HEAD") return text(405, "it can be read, with GET");
  return health ? options_.health() : options_.metrics();
}

}  // namespace weir::control

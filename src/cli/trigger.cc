// weir trigger: fires in a running weir what else the clock fires.
#include <cstdio>
#include <cstdlib>

#include "cli/commands.h"
#include "cli/data_directory.h"
#include "cli/first_token.h"
#include "control/control_server.h"
#include "http/client.h"

namespace weir::cli {

namespace {

// One request to a running weir, waited for.
class Call final : private http::CallEvents {
 public:
  explicit Call(const base::Clock& clock)
      : loop_(clock), resolver_(loop_, {}), client_(loop_, resolver_, nullptr, {}) {}

  // False: `body` says what went wrong.
  bool run(http::ClientRequest request) {
    call_ = client_.start(std::move(request), *this);
    loop_.run();
    call_.reset();
    return ok_;
  }

  uint16_t status = 0;
  std::string body;

 private:
  static constexpr uint64_t kBodyBytesMax = 64u << 10;
  void onHead(const http::ResponseHead& head) override {
    status = head.status;
    call_->readMore(kBodyBytesMax);
  }
  void onBody(std::span<const std::byte> bytes) override {
    body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  void onEnd() override {
    ok_ = true;
    loop_.stop();
  }
  void onError(const http::ClientError& error) override {
    body = error.message;
    loop_.stop();
  }

  net::Loop loop_;
  net::Resolver resolver_;
  http::Client client_;
  std::unique_ptr<http::ClientCall> call_;
  bool ok_ = false;
};

// Of the weir that is asked: the one in its data directory, or CLOUDFLARE_API_TOKEN (weir env).
std::optional<std::string> tokenFor(const CommandLine& line, const Settings& settings) {
  const char* const exported = std::getenv("CLOUDFLARE_API_TOKEN");
  if (!line.trigger.dataGiven && exported != nullptr && *exported != '\0') return exported;
  return firstLineOf(tokenPath(settings.data));
}

}  // namespace

int triggerCron(const CommandLine& line, const Settings& defaults, const base::Clock& clock) {
  const Settings settings = line.over(defaults);
  std::string control = settings.control;
  if (!line.trigger.controlGiven) {
    const auto address = firstLineOf(controlAddressPath(settings.data));
    if (!address) {
      return fail("--data " + settings.data +
                  ": no weir with a control address serves it; start weir serve, or name its address with --control");
    }
    control = *address;
  }
  const auto token = tokenFor(line, settings);
  if (!token) {
    return fail("--data " + settings.data +
                ": there is no token in it; name the directory of the weir that is asked, or set CLOUDFLARE_API_TOKEN");
  }
  const auto address = net::Address::parse(control);
  if (!address.ok()) return fail("--control " + control + ": " + address.error().message);
  http::ClientRequest request;
  request.method = "POST";
  request.host = address->ip();
  request.port = address->port();
  request.target = control::ControlServer::kCronPath;
  request.headers.add(control::ControlServer::kScriptField, line.trigger.script);
  request.headers.add("authorization", "Bearer " + *token);
  if (!line.trigger.account.empty()) request.headers.add(control::ControlServer::kAccountField, line.trigger.account);
  if (!line.trigger.cron.empty()) request.headers.add(control::ControlServer::kCronField, line.trigger.cron);
  Call call(clock);
  if (!call.run(std::move(request)))
    return fail("no weir answers at --control " + control + ": " + call.body +
                "; start it, or name its control address");
  if (call.status != 200) {
    std::fprintf(stderr, "weir: %s", call.body.c_str());
    return call.status == 404 ? 1 : 2;
  }
  // The answer is one object with two texts.
  const bool ok = call.body.find("\"outcome\":\"ok\"") != std::string::npos;
  if (line.json) {
    std::fputs(call.body.c_str(), stdout);
  } else {
    const size_t at = call.body.find("\"outcome\":\"");
    const size_t from = at == std::string::npos ? 0 : at + 11;
    std::printf("%s: %s\n", line.trigger.script.c_str(),
                call.body.substr(from, call.body.find('"', from) - from).c_str());
  }
  return ok ? 0 : 1;
}

}  // namespace weir::cli

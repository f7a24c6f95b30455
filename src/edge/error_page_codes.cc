#include "edge/error_page_codes.h"

#include <algorithm>
#include <array>

namespace weir::edge {

namespace {

// Retry-After, names, categories and the details of 1015, 1027 and 1102 are fixed by reference/error-codes.md; where it
// has no status for a code, docs/decisions/0005-error-pages.md says which we took and why.
constexpr std::array kCodes = {
    ErrorFacts{
        400, 400, "bad_request", "Bad Request", "request", false, 0, false,
        "The request breaks a rule of HTTP, or could be read in two ways.",
        "**Do not retry unchanged.** Repair the client: one Host, one length, no folded lines, no control characters.",
        "The request could not be understood, so it was not let through.",
        "Reload the page. If the error stays, delete the cookies of this site.",
        "Look at what the client sends byte by byte; a proxy in between may have changed it."},
    ErrorFacts{404, 404, "not_found", "Not Found", "request", false, 0, false,
               "The platform has nothing at this address.", "**Do not retry.** Check the address.",
               "There is nothing at this address.", "Check the address for typing errors.", ""},
    ErrorFacts{408, 408, "request_timeout", "Request Timeout", "request", false, 0, false,
               "The request, or its body, did not arrive in time.",
               "**Retry.** Send the whole request without long pauses.", "The request did not arrive in time.",
               "Check your connection and try again.", ""},
    ErrorFacts{413, 413, "request_entity_too_large", "Request Entity Too Large", "request", false, 0, false,
               "The body of the request is larger than the account's plan allows.",
               "**Do not retry unchanged.** Send less, or in several requests.",
               "What was sent is larger than this site takes.", "Send a smaller file.",
               "Raise the request body limit of the account, or upload in parts."},
    ErrorFacts{414, 414, "uri_too_long", "URI Too Long", "request", false, 0, false,
               "The URL of the request is longer than allowed.",
               "**Do not retry unchanged.** Send long data in the body of the request.",
               "The address of this page is longer than allowed.", "Go to the page by a shorter address.",
               "Put what is long into the body of a request, not into its URL."},
    ErrorFacts{417, 417, "expectation_failed", "Expectation Failed", "request", false, 0, false,
               "The request has an Expect header that is not 100-continue.",
               "**Do not retry unchanged.** Leave the Expect header out.",
               "The request asked for something that this platform does not do.",
               "Please tell the author of the program that sent it.", ""},
    ErrorFacts{431, 431, "request_header_fields_too_large", "Request Header Fields Too Large", "request", false, 0,
               false, "The headers of the request are too many, or too large together.",
               "**Do not retry unchanged.** Send fewer or shorter headers and cookies.",
               "The headers of the request are larger than allowed.", "Delete the cookies of this site and try again.",
               "Find out which cookies your site sets and keep them small."},
    ErrorFacts{500, 500, "internal_server_error", "Internal server error", "cloudflare", true, 30, false,
               "The platform met an internal error while it handled the request.",
               "**Wait and retry.** Wait at least 30 seconds, then retry with exponential backoff. If the error stays, "
               "report it with the ray id.",
               "Something went wrong inside the platform while it handled this request.",
               "Please try again in about half a minute.",
               "If the error stays, look up the ray id in the platform's log."},
    ErrorFacts{
        501, 501, "not_implemented", "Not Implemented", "request", false, 0, false,
        "The method or the transfer coding of the request is not supported.",
        "**Do not retry unchanged.** CONNECT, methods of more than 32 characters and transfer codings other than chunked are not supported.",
        "The request asked for something that this platform does not do.",
        "Please tell the author of the program that sent it.", ""},
    ErrorFacts{502, 502, "bad_gateway", "Bad gateway", "origin", true, 60, true,
               "The origin server gave an invalid response or closed the connection before answering.",
               "**Wait and retry.** The origin server is at fault, not the request. Wait at least 60 seconds, then "
               "retry with exponential backoff.",
               "The web server behind this site gave an answer that could not be used.",
               "Please try again in a minute.",
               "Check that the origin server is up, speaks HTTP, and is not restarting or overloaded."},
    ErrorFacts{504, 504, "gateway_timeout", "Gateway time-out", "origin", true, 120, true,
               "The origin server did not answer in time.",
               "**Wait and retry.** Wait at least 120 seconds, then retry with exponential backoff.",
               "The web server behind this site took too long to answer.", "Please try again in a few minutes.",
               "Check the load of the origin server and whatever it waits for, such as its database."},
    ErrorFacts{505, 505, "http_version_not_supported", "HTTP Version Not Supported", "request", false, 0, false,
               "The request is not in HTTP/1.0 or HTTP/1.1.",
               "**Do not retry unchanged.** Speak HTTP/1.1 on this connection.",
               "The request came in a version of HTTP that is not spoken here.",
               "Please tell the author of the program that sent it.", ""},
    ErrorFacts{520, 520, "origin_unknown_error", "Web server is returning an unknown error", "origin", true, 60, true,
               "The origin server gave an empty, unknown or unexpected response.",
               "**Wait and retry.** Wait at least 60 seconds, then retry with exponential backoff.",
               "The web server behind this site gave an empty or unexpected answer.", "Please try again in a minute.",
               "Check the origin's error log for crashes, resets and headers over the limits."},
    ErrorFacts{521, 521, "origin_down", "Web server is down", "origin", true, 120, true,
               "The origin server refused the connection.",
               "**Wait and retry.** Wait at least 120 seconds, then retry with exponential backoff.",
               "The web server behind this site refuses connections.", "Please try again in a few minutes.",
               "Check that the origin's web server runs, listens on the configured port, and that no firewall refuses "
               "this platform's addresses."},
    ErrorFacts{522, 522, "origin_connection_timeout", "Connection timed out", "origin", true, 120, true,
               "The connection to the origin server could not be made in time.",
               "**Wait and retry.** Wait at least 120 seconds, then retry with exponential backoff.",
               "No connection to the web server behind this site could be made in time.",
               "Please try again in a few minutes.",
               "Check the origin's address, its load, and firewalls that drop packets silently."},
    ErrorFacts{523, 523, "origin_unreachable", "Origin is unreachable", "origin", true, 120, true,
               "There is no network path to the origin server.",
               "**Wait and retry.** Wait at least 120 seconds, then retry with exponential backoff.",
               "The web server behind this site cannot be reached over the network.",
               "Please try again in a few minutes.", "Check that the origin's address is right and routed."},
    ErrorFacts{
        524, 524, "origin_response_timeout", "A timeout occurred", "origin", true, 120, true,
        "The connection to the origin server stood, but no response came in time.",
        "**Wait and retry.** Wait at least 120 seconds, then retry with exponential backoff. For work that takes "
        "minutes, ask the site for a way to start it and poll.",
        "The web server behind this site accepted the request but did not answer in time.",
        "Please try again in a few minutes.",
        "Move long work out of the request, or answer early and let the client poll."},
    ErrorFacts{525, 525, "ssl_handshake_failed", "SSL handshake failed", "ssl", false, 0, true,
               "The TLS handshake with the origin server failed.",
               "**Do not retry.** The site owner has to repair TLS on the origin server.",
               "A secure connection to the web server behind this site could not be set up.",
               "Please tell the owner of the site.",
               "Check the origin's TLS versions, cipher suites and certificate, and that it listens for TLS on the "
               "configured port."},
    ErrorFacts{526, 526, "invalid_ssl_certificate", "Invalid SSL certificate", "ssl", false, 0, true,
               "The certificate of the origin server could not be validated.",
               "**Do not retry.** The site owner has to install a valid certificate on the origin server.",
               "The web server behind this site presented a certificate that is not valid.",
               "Please tell the owner of the site.",
               "Install a certificate that is current, matches the host name, and comes from a trusted authority."},
    ErrorFacts{
        1000, 403, "dns_points_to_prohibited_ip", "DNS points to prohibited IP", "dns", false, 0, true,
        "The request cannot be served: the host's DNS leads back to this platform, or the request carries "
        "forwarding headers that a client may not set.",
        "**Do not retry unchanged.** Remove `CF-Connecting-IP`, send at most one `X-Forwarded-For` of at most 100 "
        "characters, and check that the host's origin is not an address of this platform.",
        "This site's address leads back to the platform itself, or the request carried forwarding headers that "
        "only the platform may set.",
        "Please tell the owner of the site.",
        "Point the origin at your own server, and remove proxies that add a second X-Forwarded-For or a "
        "CF-Connecting-IP header in front of the platform."},
    ErrorFacts{1001, 530, "dns_resolution_error", "DNS resolution error", "dns", false, 0, true,
               "The requested host name could not be resolved.",
               "**Do not retry.** Check the host name for typing errors. If it is right, the site owner has to repair "
               "its DNS.",
               "The name of this site could not be resolved.", "Check the address for typing errors.",
               "Check that the host belongs to a zone of this platform and that its DNS records exist."},
    ErrorFacts{1003, 403, "direct_ip_access_not_allowed", "Direct IP access not allowed", "access_denied", false, 0,
               false, "A host was addressed by IP address instead of by name.",
               "**Use the host name.** Requests to a bare IP address are refused, from clients and from `fetch()` in a "
               "Worker alike.",
               "The request named an IP address where a host name is needed.",
               "Use the name of the site instead of its IP address.", ""},
    ErrorFacts{
        1004, 530, "host_not_configured", "Host not configured to serve web traffic", "config", true, 120, true,
        "The host is known but not configured to serve web traffic.",
        "**Wait and retry.** If the site was set up just now, wait 120 seconds. If the error stays, the site owner "
        "has to finish its configuration.",
        "This host is not set up to serve web traffic yet.", "Please try again in a few minutes.",
        "Give the zone an origin, a route or a custom domain that covers this host."},
    ErrorFacts{
        1015, 429, "rate_limited", "You are being rate limited", "rate_limit", true, 30, false,
        "You are being rate-limited by the website owner's configuration.",
        "**Wait and retry.** This block is transient. Wait at least 30 seconds, then retry with exponential "
        "backoff.\n\n1. Wait 30 seconds before the next request.\n2. If it is limited again, double the wait each "
        "time (60 s, 120 s, ...).\n3. After 5 failed retries, stop and reassess how many requests you send.",
        "Too many requests came in a short time, so this one was not let through.",
        "Please wait a minute before you try again.",
        "If these requests should be allowed, raise the burst limit of the account's plan."},
    ErrorFacts{1016, 530, "origin_dns_error", "Origin DNS error", "dns", false, 0, true,
               "The name of the origin server, or of a host that a Worker fetched, does not resolve.",
               "**Do not retry.** The site owner has to correct the host name or its DNS records.",
               "The name of the server behind this site could not be resolved.", "Please tell the owner of the site.",
               "Check the zone's origin, or the URL given to fetch(), for typing errors and missing DNS records."},
    ErrorFacts{1018, 409, "host_not_found", "Could not find host", "config", false, 0, true,
               "The host is not configured on this platform.",
               "**Do not retry.** Check the host name. If it is right, the site owner has to add it to the platform.",
               "This platform does not know the requested host.", "Check the address for typing errors.",
               "Add the host's zone to your account, or remove the DNS record that points here."},
    ErrorFacts{1019, 500, "worker_loop_limit", "Worker hit loop limit", "worker", false, 0, true,
               "A Worker called itself or other Workers more than 16 times in one chain.",
               "**Do not retry.** The site owner has to break the loop between Workers.",
               "The program behind this page kept calling itself, so the chain was stopped.",
               "Please tell the owner of the site.",
               "Look for a fetch() to the Worker's own route, directly or through another Worker. At most 16 "
               "invocations may follow each other."},
    ErrorFacts{
        1020, 403, "firewall_rule_blocked", "Access denied", "access_denied", false, 0, false,
        "The request matched a firewall rule of the website owner.",
        "**Do not retry.** The same request will be refused again. Ask the site owner for access and name the ray "
        "id.",
        "The owner of this site does not allow this request.",
        "If you think this is a mistake, ask the owner of the site and name the ray id below.",
        "Find the rule by the ray id in the log and adjust it."},
    ErrorFacts{
        1021, 403, "worker_host_not_allowed", "Worker requested a host it cannot access", "worker", false, 0, true,
        "A Worker requested a host that its account may not access, or the origin of the site has such an address.",
        "**Do not retry.** The site owner has to remove the request or have the host allowed.",
        "The program behind this page, or the site itself, leads to a host it may not use.",
        "Please tell the owner of the site.",
        "Ask the operator of the platform which hosts your plan may fetch, and which addresses origins may have."},
    ErrorFacts{1022, 500, "worker_routing_failed", "Failed to route the request to the Worker", "worker", false, 0,
               false, "The platform could not route the request to the Worker.",
               "**Report it.** If a later request fails too, report the ray id to the operator of the platform.",
               "The platform could not bring this request to the program that should answer it.",
               "Please try again in a few minutes.",
               "Check that the Worker's last deployment is complete. If it is, report the ray id to the operator."},
    ErrorFacts{
        1024, 403, "worker_platform_address", "Worker cannot fetch an address of the platform", "worker", false, 0,
        true,
        "A Worker made a subrequest to an address that belongs to the platform, or the origin of the site has such an address.",
        "**Do not retry.** The site owner has to fetch a host name that is configured on the platform, or another "
        "server.",
        "The program behind this page, or the site itself, leads to an address that belongs to the platform.",
        "Please tell the owner of the site.",
        "Fetch the host by a name that is configured here, or use a service binding. Point the origin at your own server."},
    ErrorFacts{1025, 429, "plan_limit_reached", "Please check back later", "rate_limit", false, 0, true,
               "The website owner has reached a limit of their plan.",
               "**Do not retry.** The site owner has to raise the limit or wait until it resets.",
               "The owner of this site has reached a limit of their plan.", "Please come back later.",
               "Look at the usage of the account and raise its plan."},
    ErrorFacts{1027, 429, "workers_daily_limit", "This website has been temporarily rate limited", "rate_limit", false,
               0, true,
               "You cannot access this site because the owner has reached their plan limits. Check back later once "
               "traffic has gone down.",
               "**Do not retry today.** The quota resets at 00:00 UTC. The site owner can raise the plan at any time.",
               "The owner of this site has used up the number of requests that their plan allows per day.",
               "Please check back later. The count starts anew at 00:00 UTC.",
               "Raise the plan of the account, or let the route fail open so that requests go to the origin instead."},
    ErrorFacts{1033, 530, "tunnel_error", "Tunnel error", "config", true, 120, true,
               "The host is served through a tunnel that has no connected connector.",
               "**Wait and retry.** Wait at least 120 seconds, then retry with exponential backoff.",
               "The connection to the server behind this site is not up.", "Please try again in a few minutes.",
               "Start the connector of the tunnel and check that it can reach the platform."},
    ErrorFacts{
        1042, 404, "workers_dev_script_not_found", "Worker not found", "worker", false, 0, true,
        "No Worker answers at this host, or a Worker tried to fetch another Worker on its own zone.",
        "**Do not retry.** Check the host name. Inside a Worker, use a service binding, or the compatibility flag "
        "`global_fetch_strictly_public`, to reach another Worker of the same zone.",
        "There is no Worker at this address.", "Check the address for typing errors.",
        "Deploy a Worker under this name and enable its subdomain. To reach one Worker from another in the same "
        "zone, use a service binding or the compatibility flag global_fetch_strictly_public."},
    ErrorFacts{1101, 500, "worker_threw_exception", "Worker threw exception", "worker", false, 0, true,
               "A Worker script configured by the website owner threw an unhandled exception.",
               "**Do not retry.** The site owner has to repair the script. Tell them the ray id and the time.",
               "The program that makes this page stopped with an error it did not handle.",
               "Please tell the owner of the site, with the ray id below.",
               "Look up the ray id in the Worker's logs, or follow them live, to see the exception and its stack. "
               "\"The script will never generate a response\" means that a promise was never settled."},
    ErrorFacts{1102, 503, "worker_exceeded_resources", "Worker exceeded resource limits", "worker", false, 0, true,
               "A Worker script configured by the website owner exceeded its resource limits (CPU time or memory) and "
               "was terminated.",
               "**Do not retry.** The site owner has to make the script use less CPU time or memory, or raise its "
               "limits.",
               "The program that makes this page used more CPU time or memory than it may, and was stopped.",
               "Please try again later, or tell the owner of the site.",
               "The Worker's logs say which limit it was, with the stack at the end. Make the work smaller, stream "
               "instead of buffering, or raise limits.cpu_ms."},
    ErrorFacts{1103, 403, "worker_disabled", "Worker is disabled", "worker", false, 0, true,
               "The owner of this Worker needs to contact support.",
               "**Do not retry.** The operator of the platform has stopped this script. Its owner has to contact them.",
               "The operator of the platform has stopped the program behind this page.", "Please come back later.",
               "Contact the support of the platform."},
    ErrorFacts{1104, 500, "worker_runtime_error", "Worker runtime error", "worker", false, 0, false,
               "The runtime that executes Workers met an internal error.",
               "**Report it.** The script is not at fault. If a later request fails too, report the ray id to the "
               "operator of the platform.",
               "The part of the platform that runs this site's program met an error of its own.",
               "Please try again in a moment.",
               "Your script is not at fault. If the error comes back, report the ray id to the operator."},
    ErrorFacts{1105, 503, "worker_temporarily_unavailable", "Temporarily unavailable", "worker", false, 0, false,
               "The platform refused the request because it had no capacity for it.",
               "**Slow down.** Send fewer requests and try again later with exponential backoff.",
               "The platform is too busy to run this site's program right now.", "Please try again in a moment.",
               "If this happens often, ask the operator for more capacity."},
    ErrorFacts{1200, 503, "cache_connection_limit", "Cache connection limit", "rate_limit", true, 60, false,
               "Too many requests for this host are waiting for an answer.",
               "**Wait and retry.** Wait at least 60 seconds, then retry with exponential backoff.",
               "Too many requests for this site are already waiting for an answer.", "Please try again in a minute.",
               "Check why the origin answers slowly."},
};

constexpr bool ascending() {
  for (size_t i = 1; i < kCodes.size(); ++i) {
    if (kCodes[i - 1].code >= kCodes[i].code) return false;
  }
  return true;
}
static_assert(ascending(), "findErrorFacts searches by halves");

}  // namespace

std::span<const ErrorFacts> errorCodes() { return kCodes; }

const ErrorFacts* findErrorFacts(uint16_t code) {
  const auto* found = std::lower_bound(kCodes.begin(), kCodes.end(), code,
                                       [](const ErrorFacts& facts, uint16_t wanted) { return facts.code < wanted; });
  return found != kCodes.end() && found->code == code ? found : nullptr;
}

uint16_t codeOrGeneral(uint16_t code) {
  if (findErrorFacts(code) != nullptr) return code;
  return code < 500 ? 400 : 500;
}

std::optional<const ErrorFacts*> errorTestPage(std::string_view path) {
  constexpr std::string_view kPrefix = "/cdn-cgi/error/";
  if (!path.starts_with(kPrefix)) return std::nullopt;
  path.remove_prefix(kPrefix.size());
  if (path.size() < 3 || path.size() > 4) return nullptr;
  uint16_t code = 0;
  for (const char c : path) {
    if (c < '0' || c > '9') return nullptr;
    code = static_cast<uint16_t>(code * 10 + (c - '0'));
  }
  return path.front() == '0' ? nullptr : findErrorFacts(code);
}

}  // namespace weir::edge

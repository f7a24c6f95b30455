// Services: a script by its older name, and who depends on it.
#include <boost/json.hpp>

#include "control/api_table.h"
#include "control/script_json.h"
#include "control/version_upload.h"

namespace weir::control {

namespace json = boost::json;

namespace {

ApiTry<json::object> environmentJson(ApiContext& context, const ApiRequest& request) {
  auto script = context.catalog.findScript(request.account(), request.script());
  if (!script.ok()) return apiError(script.error());
  auto newest = findNewest(context, request.account(), request.script(), false);
  if (!newest.ok()) return newest.error();
  return json::object{{"environment", "production"},
                      {"created_on", isoTime(script->createdMs)},
                      {"modified_on", isoTime(script->modifiedMs)},
                      {"script", scriptJson(*script, *newest ? &(*newest)->version : nullptr)}};
}

ApiResult show(ApiContext& context, const ApiRequest& request) {
  auto environment = environmentJson(context, request);
  if (!environment.ok()) return environment.error();
  return answer(json::object{{"id", request.script()},
                             {"created_on", environment->at("created_on")},
                             {"modified_on", environment->at("modified_on")},
                             {"default_environment", *environment},
                             {"environments", json::array{json::object{{"environment", "production"}}}}});
}

ApiResult showEnvironment(ApiContext& context, const ApiRequest& request) {
  if (request.parameter("environment") != "production")
    return ApiError{404, 10092, "This environment does not exist.", {}};
  auto environment = environmentJson(context, request);
  if (!environment.ok()) return environment.error();
  return answer(*environment);
}

ApiResult environmentBindings(ApiContext& context, const ApiRequest& request) {
  auto newest = findNewest(context, request.account(), request.script(), false);
  if (!newest.ok()) return newest.error();
  if (!*newest) return workerNotFound();
  return answer((*newest)->base.bindings);
}

// Scripts of the account whose newest version calls this one.
ApiResult references(ApiContext& context, const ApiRequest& request) {
  auto script = context.catalog.findScript(request.account(), request.script());
  if (!script.ok()) return apiError(script.error());
  auto callers = context.catalog.scriptsCalling(request.account(), request.script());
  if (!callers.ok()) return apiError(callers.error());
  json::array incoming;
  for (const auto& caller : *callers) {
    if (caller != request.script()) incoming.push_back({{"service", caller}, {"environment", "production"}});
  }
  json::object services{{"incoming", std::move(incoming)}, {"outgoing", json::array()}, {"pages_function", false}};
  return answer(json::object{
      {"services", std::move(services)}, {"durable_objects", json::array()}, {"dispatch_outbounds", json::array()}});
}

// Scripts of the account that send their traces to this one.
ApiResult tailProducers(ApiContext& context, const ApiRequest& request) {
  auto scripts = context.catalog.scripts(request.account());
  if (!scripts.ok()) return apiError(scripts.error());
  json::array producers;
  for (const auto& script : *scripts) {
    const json::object settings = parseObject(script.settings);
    const auto* consumers = settings.if_contains("tail_consumers");
    if (consumers == nullptr || !consumers->is_array()) continue;
    for (const auto& consumer : consumers->as_array()) {
      const auto* service = consumer.is_object() ? consumer.as_object().if_contains("service") : nullptr;
      if (service == nullptr || *service != json::value(request.script())) continue;
      json::object producer;
      producer["producer"] = {{"service", script.name}, {"environment", "production"}};
      producers.push_back(std::move(producer));
    }
  }
  return answer(producers);
}

}  // namespace

std::vector<Endpoint> serviceEndpoints() {
  return {{"GET", "accounts/:account/workers/services/:script", "Show a Worker as a service", "Service", show},
          {"GET", "accounts/:account/workers/services/:script/environments/:environment", "Show a Worker's environment",
           "Environment", showEnvironment},
          {"GET", "accounts/:account/workers/services/:script/environments/:environment/bindings",
           "List the bindings of a Worker", "Binding[]", environmentBindings},
          {"GET", "accounts/:account/workers/scripts/:script/references", "List what refers to a Worker", "References",
           references},
          {"GET", "accounts/:account/workers/tails/by-consumer/:script",
           "List the Workers whose events a Worker consumes", "TailProducer[]", tailProducers}};
}

}  // namespace weir::control

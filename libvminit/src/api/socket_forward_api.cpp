// SPDX-License-Identifier: Apache-2.0
#include "vminit/api/socket_forward_api.hpp"

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <list>
#include <map>
#include <set>
#include <utility>

#include "github.com/containerd/nerdbox/api/services/socketforward/v1/socketforward.ttrpc.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/forward/forward_service.hpp"
#include "vminit/streams/stream_service.hpp"

namespace vminit::api {

namespace {

namespace wire = nerdbox::services::socketforward::v1;
using result_reader = ttrpc::reader<wire::ConnectResult>;
using request_writer = ttrpc::writer<wire::ConnectRequest>;

/// A connection that no host has taken yet.
struct offer {
    std::uint64_t number = 0;
    std::string stream, forward;
    std::set<std::uint64_t> refused_by;
    std::uint64_t asked = 0;  // which Accept; 0: none now
};

result<void> check(const wire::Socket& socket) {
    const auto& path = socket.socket_path();
    bool is_path = path.starts_with('/') && path.find('\0') == std::string::npos;
    if (!is_path) return error(errc::invalid_argument, "socket_path must be absolute");
    if (socket.forward_id().empty()) return error(errc::invalid_argument, "a socket needs a forward_id");
    return {};
}

class socket_forward_api final : public wire::SocketForwardService {
public:
    explicit socket_forward_api(asio::io_context& context)
        : pool_(asio::use_service<blocking_service>(context)),
          streams_(asio::use_service<streams::stream_service>(context)),
          forwards_(asio::use_service<forward::forward_service>(context)),
          changed_(context.get_executor()),
          tasks_(context.get_executor(), log_of(context)) {}

    awaitable<result<google::protobuf::Empty>> Bind(ttrpc::call_context&, wire::BindRequest request) override {
        for (const auto& socket : request.sockets()) {
            if (auto checked = check(socket); !checked) co_return checked.error();
        }
        for (const auto& socket : request.sockets()) {
            auto bound = co_await bind(socket.forward_id(), socket.socket_path());
            if (!bound) co_return bound.error();
        }
        co_return google::protobuf::Empty();
    }

    awaitable<result<void>> Accept(ttrpc::call_context&, result_reader& input, request_writer& output) override {
        using namespace asio::experimental::awaitable_operators;
        struct open_accept {
            socket_forward_api& api;
            std::uint64_t id;
            ~open_accept() { api.close_accept(id); }
        } open{*this, ++last_accept_};
        accepts_.insert(open.id);
        auto ended = co_await (take_results(open.id, input) || send_offers(open.id, output));
        co_return ended.index() == 0 ? std::get<0>(ended) : std::get<1>(ended);
    }

private:
    awaitable<result<void>> bind(std::string id, std::string path) {
        auto bound = gates_.find(id);
        if (bound != gates_.end() && bound->second->where().path == path) co_return result<void>();
        std::function<result<void>()> job = [parent = path.substr(0, path.rfind('/'))]() -> result<void> {
            return parent.empty() ? result<void>() : make_directories(parent, 0755);
        };
        auto made = co_await pool_.run(blocking_lane::files, std::move(job), "directory of a socket");
        if (!made) co_return made.error();
        forward::place at;
        at.path = path;
        forward::surroundings in;
        in.socket_mode = 0666;  // containers' users are any
        auto gate = co_await forwards_.listen(std::string(), std::move(at), std::move(in));
        if (!gate) co_return gate.error();
        if (bound = gates_.find(id); bound != gates_.end()) {
            bound->second->close(error(errc::cancelled, "bound anew"));
            std::erase_if(offers_, [&](const offer& one) { return one.forward == id; });
        }
        gates_[id] = *gate;
        tasks_.spawn("socket forward", accept_all(*gate, id));
        co_return result<void>();
    }

    awaitable<void> accept_all(std::shared_ptr<forward::gate> gate, std::string id) {
        for (;;) {
            auto number = co_await gate->accept();
            if (!number) co_return;
            offer made;
            made.number = *number;
            made.stream = "socketforward-" + std::to_string(*number);
            made.forward = id;
            offers_.push_back(std::move(made));
            changed_.notify_all();
        }
    }

    awaitable<result<void>> send_offers(std::uint64_t accept, request_writer& output) {
        for (;;) {
            auto next = std::find_if(offers_.begin(), offers_.end(), [accept](const offer& one) {
                return one.asked == 0 && !one.refused_by.contains(accept);
            });
            if (next == offers_.end()) {
                bool goes_on = co_await changed_.wait();
                if (!goes_on) co_return error(errc::cancelled, "Accept");
                continue;
            }
            next->asked = accept;
            wire::ConnectRequest request;
            request.set_stream_id(next->stream);
            request.set_forward_id(next->forward);
            auto written = co_await output.write(request);
            if (!written) co_return written.error();
        }
    }

    awaitable<result<void>> take_results(std::uint64_t accept, result_reader& input) {
        for (;;) {
            auto answer = co_await input.read();
            if (!answer) co_return answer.error();
            if (!*answer) co_return result<void>();
            const auto& stream = (*answer)->stream_id();
            auto asked = std::find_if(offers_.begin(), offers_.end(),
                                      [&](const offer& one) { return one.asked == accept && one.stream == stream; });
            if (asked == offers_.end()) continue;
            if ((*answer)->error().empty()) {
                take(*asked);
                offers_.erase(asked);
            } else {
                asked->asked = 0;
                asked->refused_by.insert(accept);
                drop_refused();
            }
        }
    }

    void take(const offer& accepted) {
        auto stream = streams_.claim(accepted.stream);
        if (!stream) return forwards_.refuse(accepted.number);
        (void)forwards_.take(accepted.number, std::move(*stream), forward::end_of_stream::half_closed);
    }

    void close_accept(std::uint64_t accept) {
        accepts_.erase(accept);
        for (auto& one : offers_) {
            if (one.asked == accept) one.asked = 0;
        }
        if (!accepts_.empty()) drop_refused();
    }

    // What every open Accept has refused nobody will take.
    void drop_refused() {
        auto is_refused = [this](const offer& one) {
            return std::includes(one.refused_by.begin(), one.refused_by.end(), accepts_.begin(), accepts_.end());
        };
        for (auto one = offers_.begin(); one != offers_.end();) {
            bool is_over = one->asked == 0 && is_refused(*one);
            if (is_over) forwards_.refuse(one->number);
            one = is_over ? offers_.erase(one) : std::next(one);
        }
        changed_.notify_all();
    }

    blocking_service& pool_;
    streams::stream_service& streams_;
    forward::forward_service& forwards_;
    std::map<std::string, std::shared_ptr<forward::gate>> gates_;  // by forward_id
    std::list<offer> offers_;                                      // as many as wait at the gates
    std::set<std::uint64_t> accepts_;                              // open calls
    std::uint64_t last_accept_ = 0;
    condition changed_;
    task_group tasks_;
};

}  // namespace

std::shared_ptr<ttrpc::service_base> make_socket_forward_api(asio::io_context& context) {
    return std::make_shared<socket_forward_api>(context);
}

}  // namespace vminit::api

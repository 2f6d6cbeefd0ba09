// SPDX-License-Identifier: Apache-2.0
#include "vminit/forward/relay.hpp"

#include "forward/forward_fixture.hpp"

using namespace vminit;
using namespace vminit::forward;

namespace {

struct relay_fixture : test::forward_fixture {
    explicit relay_fixture(end_of_stream ending = end_of_stream::told) {
        auto [near_side, application] = pair();
        auto [stream_side, other] = pair();
        near = std::move(application);
        stream = std::move(other);
        link = std::make_shared<relay>(ex(), std::move(near_side), std::move(stream_side), buffer, ending);
        link->start(tasks);
        poll();
    }

    std::shared_ptr<streams::copy_buffer> buffer = std::make_shared<streams::copy_buffer>();
    task_group tasks{ex(), log()};
    test::hand near;
    test::hand stream;
    std::shared_ptr<relay> link;
};

struct closing_relay_fixture : relay_fixture {
    closing_relay_fixture() : relay_fixture(end_of_stream::half_closed) {}
};

}  // namespace

TEST_CASE_METHOD(relay_fixture, "a relay carries bytes both ways, and each way ends by itself", "[forward]") {
    near.write("question");
    stream.write("early");
    poll();
    CHECK(stream.read() == "question");
    CHECK(near.read() == "early");
    near.write(" and its end");
    near.finish();
    poll();
    CHECK(stream.read() == " and its end");
    CHECK(link->out_end() == 20);
    CHECK(stream.read() == "(nothing)");
    CHECK_FALSE(link->is_over());
    stream.write(" answer");
    link->in_ends_at(12);
    poll();
    CHECK(near.read() == " answer");
    CHECK(near.read() == "(end)");
    CHECK(link->is_over());
    // The stream is left for its other side to read.
    CHECK(stream.read() == "(nothing)");
    link->close();
    CHECK(stream.read() == "(end)");
}

TEST_CASE_METHOD(relay_fixture, "an end that is told before its bytes have come waits for them", "[forward]") {
    link->in_ends_at(5);
    stream.write("12");
    poll();
    CHECK(near.read() == "12");
    CHECK(near.read() == "(nothing)");
    stream.write("345");
    poll();
    CHECK(near.read() == "345");
    CHECK(near.read() == "(end)");
}

TEST_CASE_METHOD(relay_fixture, "an end that is told after its bytes have come ends at once", "[forward]") {
    stream.write("12345");
    poll();
    CHECK(near.read() == "12345");
    link->in_ends_at(5);
    poll();
    CHECK(near.read() == "(end)");
}

TEST_CASE_METHOD(relay_fixture, "no byte is lost to a slow reader, and little is held for it", "[forward]") {
    std::string sent, unsent(200000, 'a');
    for (std::size_t i = 0; i < unsent.size(); ++i) unsent[i] = static_cast<char>('a' + i * 7919 % 26);
    std::string whole;
    for (int round = 0; round < 40; ++round) {
        auto left = near.write(unsent);
        whole += unsent.substr(0, unsent.size() - left.size());
        poll();
    }
    // It does not take what it cannot give: the writer waits.
    CHECK(whole.size() < 2000000);
    near.finish();
    std::string got;
    for (auto more = stream.read(10000); more != "(nothing)"; more = stream.read(10000)) {
        got += more;
        poll();
    }
    CHECK((got == whole));
    CHECK(link->out_end() == whole.size());
}

TEST_CASE_METHOD(relay_fixture, "a stream that breaks ends both ways", "[forward]") {
    stream.close();
    poll();
    CHECK(link->is_over());
    CHECK(near.read() == "(end)");
}

TEST_CASE_METHOD(relay_fixture, "a stream that ends before what was told has come breaks the connection", "[forward]") {
    stream.write("12");
    link->in_ends_at(3);
    stream.finish();
    poll();
    CHECK(link->is_over());
    CHECK(near.read() == "12");
    CHECK(near.read() == "(end)");
    CHECK_FALSE(link->out_end());
}

TEST_CASE_METHOD(relay_fixture, "a stream that is only half-closed has ended one way", "[forward]") {
    stream.write("last");
    stream.finish();
    poll();
    CHECK(near.read() == "last");
    CHECK(near.read() == "(end)");
    CHECK_FALSE(link->is_over());
    near.write("answer");
    poll();
    CHECK(stream.read() == "answer");
}

TEST_CASE_METHOD(relay_fixture, "what an application left before it went is still delivered", "[forward]") {
    near.write("farewell");
    near.close();
    poll();
    CHECK(stream.read() == "farewell");
    CHECK(link->out_end() == 8);
    CHECK(link->is_over());
    CHECK(stream.read() == "(nothing)");
}

TEST_CASE_METHOD(relay_fixture, "who reads no more loses only what comes for it", "[forward]") {
    ::shutdown(near.fd.get(), SHUT_RD);
    stream.write("unwanted");
    poll();
    near.write("wanted");
    poll();
    CHECK(stream.read() == "wanted");
    CHECK_FALSE(link->is_over());
    near.finish();
    poll();
    CHECK(link->is_over());
    CHECK(link->out_end() == 6);
}

TEST_CASE_METHOD(closing_relay_fixture, "a relay that has no other words half-closes", "[forward]") {
    near.write("question");
    near.finish();
    poll();
    CHECK(stream.read() == "question");
    CHECK(stream.read() == "(end)");
    stream.write("answer");
    poll();
    CHECK(near.read() == "answer");
    CHECK_FALSE(link->is_over());
    stream.finish();
    poll();
    CHECK(near.read() == "(end)");
    CHECK(link->is_over());
}

TEST_CASE_METHOD(relay_fixture, "a relay that is closed closes both, and again is harmless", "[forward]") {
    link->close();
    link->close();
    link->in_ends_at(1);
    poll();
    CHECK(near.read() == "(end)");
    CHECK(stream.read() == "(end)");
    CHECK(tasks.size() == 0);
}

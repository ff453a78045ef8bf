//! The event stream.

use homelab_sim::Sim;
use prost::Message;
use talos_proto::machine::machine_status_event::MachineStage;
use talos_proto::machine::{Event, EventsRequest, MachineStatusEvent};
use tonic::{Code, Streaming};

use crate::lab;

async fn follow(sim: &Sim, node: &str, request: EventsRequest) -> Streaming<Event> {
    let mut stream = lab::machine(sim, node)
        .events(request)
        .await
        .unwrap()
        .into_inner();
    let hello = stream.message().await.unwrap().unwrap();
    assert!(!hello.id.is_empty());
    assert_eq!(hello.data.unwrap().type_url, "");
    stream
}

#[tokio::test]
async fn the_past_as_asked() {
    let sim = lab::start().await;
    let all = EventsRequest {
        tail_events: -1,
        ..EventsRequest::default()
    };
    let mut stream = follow(&sim, "worker-1", all).await;
    let total = sim
        .world()
        .read(|s| s.node("worker-1").unwrap().events.end());
    let mut events = Vec::new();
    for _ in 0..total {
        events.push(stream.message().await.unwrap().unwrap());
    }
    let data = events.last().unwrap().data.clone().unwrap();
    assert_eq!(data.type_url, "talos/runtime/machine.MachineStatusEvent");
    let status = MachineStatusEvent::decode(data.value.as_slice()).unwrap();
    assert_eq!(status.stage(), MachineStage::Running);

    let last = EventsRequest {
        tail_events: 1,
        ..EventsRequest::default()
    };
    let mut stream = follow(&sim, "worker-1", last).await;
    assert_eq!(
        stream.message().await.unwrap().unwrap().id,
        events.last().unwrap().id
    );

    let after = EventsRequest {
        tail_id: events[0].id.clone(),
        ..EventsRequest::default()
    };
    let mut stream = follow(&sim, "worker-1", after).await;
    assert_eq!(stream.message().await.unwrap().unwrap().id, events[1].id);

    let both = EventsRequest {
        tail_events: 1,
        tail_seconds: 1,
        ..EventsRequest::default()
    };
    let refused = lab::machine(&sim, "worker-1").events(both).await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn what_happens_is_sent() {
    let sim = lab::start().await;
    let mut stream = follow(&sim, "cp-3", EventsRequest::default()).await;
    // Without its two fellows, etcd on this node turns unhealthy.
    sim.guest_stop(100).unwrap();
    sim.guest_stop(101).unwrap();
    let data = stream.message().await.unwrap().unwrap().data.unwrap();
    assert_eq!(data.type_url, "talos/runtime/machine.ServiceStateEvent");
}

#[tokio::test]
async fn a_cancelled_stream_is_gone_on_the_server() {
    let sim = lab::start().await;
    let mut client = lab::machine(&sim, "cp-1");
    let request = EventsRequest::default();
    let mut stream = client
        .events(lab::to("cp-3", request))
        .await
        .unwrap()
        .into_inner();
    stream.message().await.unwrap();
    assert_eq!(sim.stats().open_streams, 1);
    drop(stream);
    lab::eventually("the stream closes", || sim.stats().open_streams == 0).await;
    assert_eq!(sim.stats().open_connections, 1);
    assert_eq!(
        sim.stats().endpoints["cp-1"].requests["/machine.MachineService/Events"],
        1
    );
}

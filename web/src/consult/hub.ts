// The types of the hub's signalling that the client speaks; types alone, no code of the hub.
export type {
  Acknowledged,
  CardView,
  ChatMessage,
  ConsultEvents,
  ConsumerAnswer,
  EncounterView,
  JoinAnswer,
  ParticipantView,
  PointerView,
  ProducerView,
  Source,
  StillView,
  TransportAnswer,
} from '../../../hub/consult/contract.ts';

// Story and wall clock: until the facility goes live both are the same; from then on the story runs `speed` times as fast.

export class StoryClock {
  /** Milliseconds since 1970: the moment at which the story begins to run faster. */
  readonly origin: number;
  readonly speed: number;

  constructor(origin: number, speed: number) {
    this.origin = origin;
    this.speed = speed;
  }

  /** Story time at a wall time; both ms since 1970. */
  story(wall: number): number {
    return wall <= this.origin ? wall : this.origin + (wall - this.origin) * this.speed;
  }
  wall(story: number): number {
    return story <= this.origin ? story : this.origin + (story - this.origin) / this.speed;
  }
}

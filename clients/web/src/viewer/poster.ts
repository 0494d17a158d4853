/** A picture of the stream for the time until it plays. */
import { useEffect, useState } from "preact/hooks";

import type { Room } from "../live/room";
import { roomPage } from "../media/playback";
import type { Player } from "../media/player";

/** What the room looked like a few seconds ago, until it plays; laid out as the picture will be. */
export function usePoster(room: Room, player: Player): string | undefined {
  const [poster, setPoster] = useState<string | undefined>(undefined);
  useEffect(() => {
    const image = new Image();
    image.onload = () => {
      if (player.phase.peek() !== "playing") player.landscape.value = image.naturalWidth > image.naturalHeight;
      setPoster(image.src);
    };
    roomPage(room.id, room.token).then(
      (page) => {
        if (page.poster !== null) image.src = page.poster;
      },
      () => undefined, // a page without it is none the worse
    );
    return () => {
      image.onload = null;
    };
  }, [room, player]);
  return poster;
}

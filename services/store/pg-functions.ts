/**
 * What must be checked and written in one transaction is one function, so one statement: the server then never waits for a client
 * in the midst of it, and a client that is stopped holds nobody up.
 */

/**
 * A batch of runs (pg-append.ts) of different channels, in the rules of log.ts: each is kept whole, or refused whole.
 * It locks claims in order of their slots, then heads in order of their names, so that two batches never wait for each other.
 * Returns for each run: 0 kept, 1 fenced, 2 conflict.
 */
export const appendFunction = `
create function ringway.append(
  r_channel text[], r_slot int[], r_fence int8[], r_last_ts text[], r_first int8[], r_first_key text[], r_head int8[], r_head_ts text[], r_head_key text[],
  e_run int[], e_channel text[], e_off int8[], e_ts text[], e_kind int2[], e_origin int8[], e_key bytea[], e_payload bytea[],
  v_run int[], v_channel text[], v_ts text[], v_message bytea[]
) returns int[] language plpgsql as $$
declare
  fenced int8[];
  bad int8[];
begin
  -- A claim waits for the appends that run, and those that come after it see its fence.
  perform 1 from ringway.claims where slot = any (r_slot) order by slot for share;
  select coalesce(array_agg(r.i), '{}') into fenced
    from unnest(r_slot, r_fence) with ordinality as r (slot, fence, i) left join ringway.claims c on c.slot = r.slot
    where coalesce(c.fence, 0) <> r.fence;

  insert into ringway.heads (channel, head, last_ts, last_key, first)
    select r.channel, 0, '', '', 1 from unnest(r_channel, r_first) with ordinality as r (channel, first, i)
    where r.first = 1 and not r.i = any (fenced) order by r.channel collate "C"
    on conflict do nothing;
  perform 1 from ringway.heads where channel = any (r_channel) order by channel for update;
  select fenced || coalesce(array_agg(r.i), '{}') into bad
    from unnest(r_channel, r_last_ts, r_first, r_first_key) with ordinality as r (channel, last_ts, first, first_key, i) left join ringway.heads h on h.channel = r.channel
    where h.channel is null or h.head + 1 <> r.first or r.last_ts <> h.last_ts or (h.head > 0 and r.first_key collate "C" <= h.last_key);
  select bad || coalesce(array_agg(distinct e.run), '{}') into bad
    from unnest(e_run, e_channel, e_key) as e (run, channel, key) join ringway.entries x on x.channel = e.channel and x.key = e.key;

  insert into ringway.entries (channel, off, ts, kind, origin, key, payload)
    select e.channel, e.off, e.ts, e.kind, e.origin, e.key, e.payload
    from unnest(e_run, e_channel, e_off, e_ts, e_kind, e_origin, e_key, e_payload) as e (run, channel, off, ts, kind, origin, key, payload)
    where not e.run = any (bad);
  delete from ringway.messages m using unnest(v_run, v_channel, v_ts, v_message) as v (run, channel, ts, message)
    where v.message is null and m.channel = v.channel and m.ts = v.ts and not v.run = any (bad);
  insert into ringway.messages (channel, ts, message)
    select v.channel, v.ts, v.message from unnest(v_run, v_channel, v_ts, v_message) as v (run, channel, ts, message)
    where v.message is not null and not v.run = any (bad)
    on conflict (channel, ts) do update set message = excluded.message;
  update ringway.heads h set head = r.head, last_ts = r.head_ts, last_key = r.head_key
    from unnest(r_channel, r_head, r_head_ts, r_head_key) with ordinality as r (channel, head, head_ts, head_key, i)
    where h.channel = r.channel and not r.i = any (bad);

  return array(select case when i = any (fenced) then 1 when i = any (bad) then 2 else 0 end from generate_series(1, cardinality(r_slot)) as i order by i);
end $$;
`;

/** Removes at most \`most\` of a channel's entries, and of its messages, of before \`before\`, never its last entry. Returns whether there is more. */
export const sweepFunction = `
create function ringway.sweep(the_channel text, before text, most int) returns boolean language plpgsql as $$
declare
  bound text;
  oldest int8;
  entries_gone int;
  messages_gone int;
begin
  select least(before collate "C", h.last_key), h.first into bound, oldest from ringway.heads h where h.channel = the_channel for update;
  delete from ringway.entries e where e.channel = the_channel and e.off >= oldest and e.off < oldest + most and e.ts < bound;
  get diagnostics entries_gone = row_count;
  update ringway.heads h set first = oldest + entries_gone where h.channel = the_channel and entries_gone > 0;
  delete from ringway.messages m where m.channel = the_channel and m.ts in (select o.ts from ringway.messages o where o.channel = the_channel and o.ts < bound order by o.ts limit most);
  get diagnostics messages_gone = row_count;
  return entries_gone = most or messages_gone = most;
end $$;
`;

/** A change of membership in the rules of directory.ts. Returns '' where it is made, 'already', or the JSON of the unsettled change before it. */
export const changeFunction = `
create function ringway.change(the_channel text, the_user text, is_member boolean, the_key text, the_json text) returns text language plpgsql as $$
declare
  earlier text;
begin
  perform pg_advisory_xact_lock(hashtextextended(the_channel || ' ' || the_user, 0));
  select u.json into earlier from ringway.unsettled u where u.channel = the_channel and u.usr = the_user;
  if found then return earlier; end if;
  if exists (select 1 from ringway.members m where m.channel = the_channel and m.usr = the_user) = is_member then return 'already'; end if;
  if is_member then insert into ringway.members values (the_channel, the_user);
  else delete from ringway.members m where m.channel = the_channel and m.usr = the_user;
  end if;
  insert into ringway.unsettled values (the_channel, the_user, the_key, the_json);
  return '';
end $$;
`;

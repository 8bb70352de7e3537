/**
 * What must be checked and written in one transaction is one function, so one statement: the server then never waits for a client
 * in the midst of it, and a client that is stopped holds nobody up.
 */

/**
 * A batch of runs (pg-append.ts) of different channels, in the rules of log.ts: each is kept whole, or refused whole. The runs come in the order
 * of their slots and names, and rows are locked in that order, so that two batches never wait for each other.
 * A key that is there already shows by a unique index, without being looked for; all is then undone, the runs at fault are looked for, and the
 * others are kept. \`e_message\` is the message that an entry posts, \`v_…\` are changes of others: null = deleted.
 * Returns nothing where all runs are kept, else for each of them: 0 kept, 1 fenced, 2 conflict.
 */
export const appendFunction = `
create function ringway.append(
  r_channel text[], r_slot int[], r_fence int8[], r_last_ts text[], r_first int8[], r_first_key text[], r_head int8[], r_head_ts text[], r_head_key text[],
  e_run int[], e_channel text[], e_off int8[], e_ts text[], e_kind int2[], e_origin int8[], e_key bytea[], e_payload bytea[], e_message bytea[],
  v_run int[], v_channel text[], v_ts text[], v_message bytea[]
) returns int[] language plpgsql as $$
declare
  claimed int;
  fenced int8[];
  bad int8[];
  kept int8[];
  whole boolean;
  careful boolean := false;
begin
  -- A claim waits for the appends that run, and those that come after it see its fence.
  select count(*), coalesce(array_agg(x.i) filter (where x.fence <> x.wanted), '{}') into claimed, fenced
    from (select r.i, c.fence, r.fence as wanted from unnest(r_slot, r_fence) with ordinality as r (slot, fence, i) join ringway.claims c on c.slot = r.slot for share of c) x;
  if claimed < cardinality(r_slot) then
    select fenced || coalesce(array_agg(r.i), '{}') into fenced from unnest(r_slot, r_fence) with ordinality as r (slot, fence, i)
      where r.fence <> 0 and not exists (select from ringway.claims c where c.slot = r.slot);
  end if;
  bad := fenced;
  if 1 = any (r_first) then
    insert into ringway.heads (channel, head, last_ts, last_key, first)
      select r.channel, 0, '', '', 1 from unnest(r_channel, r_first) with ordinality as r (channel, first, i) where r.first = 1 and not r.i = any (bad) order by r.i
      on conflict do nothing;
  end if;
  loop
    begin
      with moved as (
        update ringway.heads h set head = r.head, last_ts = r.head_ts, last_key = r.head_key
        from unnest(r_channel, r_last_ts, r_first, r_first_key, r_head, r_head_ts, r_head_key) with ordinality as r (channel, last_ts, first, first_key, head, head_ts, head_key, i)
        where h.channel = r.channel and not r.i = any (bad)
          and h.head + 1 = r.first and (r.last_ts is null or r.last_ts = h.last_ts) and (h.head = 0 or r.first_key > h.last_key)
        returning r.i)
      select coalesce(array_agg(m.i), '{}') into kept from moved m;
      whole := cardinality(kept) = cardinality(r_slot);
      insert into ringway.entries (channel, off, ts, kind, origin, key, payload)
        select e.channel, e.off, e.ts, e.kind, e.origin, e.key, e.payload
        from unnest(e_run, e_channel, e_off, e_ts, e_kind, e_origin, e_key, e_payload) as e (run, channel, off, ts, kind, origin, key, payload)
        where whole or e.run = any (kept);
      if careful then
        insert into ringway.messages (channel, ts, message)
          select e.channel, e.ts, e.message from unnest(e_run, e_channel, e_ts, e_message) as e (run, channel, ts, message) where e.message is not null and (whole or e.run = any (kept))
          on conflict (channel, ts) do update set message = excluded.message;
      else
        insert into ringway.messages (channel, ts, message)
          select e.channel, e.ts, e.message from unnest(e_run, e_channel, e_ts, e_message) as e (run, channel, ts, message) where e.message is not null and (whole or e.run = any (kept));
      end if;
      exit;
    exception when unique_violation then
      if careful then raise; end if;
      careful := true;
      select bad || coalesce(array_agg(distinct e.run), '{}') into bad
        from unnest(e_run, e_channel, e_key) as e (run, channel, key) join ringway.entries x on x.channel = e.channel and x.key = e.key;
    end;
  end loop;
  if cardinality(v_run) > 0 then
    delete from ringway.messages m using unnest(v_run, v_channel, v_ts, v_message) as v (run, channel, ts, message)
      where v.message is null and m.channel = v.channel and m.ts = v.ts and (whole or v.run = any (kept));
    insert into ringway.messages (channel, ts, message)
      select v.channel, v.ts, v.message from unnest(v_run, v_channel, v_ts, v_message) as v (run, channel, ts, message)
      where v.message is not null and (whole or v.run = any (kept))
      on conflict (channel, ts) do update set message = excluded.message;
  end if;
  if whole then return '{}'; end if;
  return array(select case when i = any (fenced) then 1 when i = any (kept) then 0 else 2 end from generate_series(1, cardinality(r_slot)) as i order by i);
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

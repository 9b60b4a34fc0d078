-- table usage_ancestor
span bigint NOT NULL,
parent bigint,
seen_at timestamp with time zone NOT NULL,
project text NOT NULL,
conversation text,
user_id text,
agent text,
channel text

-- table usage_by_agent_108d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
agent text,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_agent_1d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
credits_nano numeric NOT NULL,
duration_us bigint NOT NULL,
project text NOT NULL,
agent text,
source text,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_agent_1h
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
credits_nano numeric NOT NULL,
duration_us bigint NOT NULL,
project text NOT NULL,
agent text,
source text,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_agent_36d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
agent text,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_agent_3d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
agent text,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_agent_9d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
agent text,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_conversation_108d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
conversation text,
agent text,
item_name text,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL

-- table usage_by_conversation_1d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
credits_nano numeric NOT NULL,
duration_us bigint NOT NULL,
project text NOT NULL,
conversation text,
agent text,
item_name text,
source text,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_conversation_36d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
conversation text,
agent text,
item_name text,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL

-- table usage_by_conversation_3d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
conversation text,
agent text,
item_name text,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL

-- table usage_by_conversation_9d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
conversation text,
agent text,
item_name text,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL

-- table usage_by_model_108d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
source text,
model text,
provider text,
operation text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_model_15m
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
credits_nano numeric NOT NULL,
duration_us bigint NOT NULL,
project text NOT NULL,
source text,
model text,
provider text,
operation text,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_model_1d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
credits_nano numeric NOT NULL,
duration_us bigint NOT NULL,
project text NOT NULL,
source text,
model text,
provider text,
operation text,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_model_1h
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
credits_nano numeric NOT NULL,
duration_us bigint NOT NULL,
project text NOT NULL,
source text,
model text,
provider text,
operation text,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_model_36d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
source text,
model text,
provider text,
operation text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_model_3d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
source text,
model text,
provider text,
operation text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_model_9d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
source text,
model text,
provider text,
operation text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_model_alone_108d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
model text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_model_alone_1d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
model text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_model_alone_36d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
model text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_model_alone_3d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
model text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_model_alone_9d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
model text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_source_108d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_source_1d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_source_1h
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_source_36d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_source_9d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_user_108d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
user_id text,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL

-- table usage_by_user_1d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
credits_nano numeric NOT NULL,
duration_us bigint NOT NULL,
project text NOT NULL,
user_id text,
source text,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_user_36d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
user_id text,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL

-- table usage_by_user_3d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
user_id text,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL

-- table usage_by_user_9d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
user_id text,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL

-- table usage_conversation
first_at timestamp with time zone NOT NULL,
last_at timestamp with time zone NOT NULL,
project text NOT NULL,
conversation text NOT NULL,
title usage_quote,
agent usage_quote,
channel usage_quote,
user_id usage_quote

-- table usage_conversation_turn
first_at timestamp with time zone NOT NULL,
last_at timestamp with time zone NOT NULL,
conversation bigint NOT NULL,
turn bigint NOT NULL,
model bigint

-- table usage_credit_plan
since timestamp with time zone,
set_at timestamp with time zone NOT NULL,
project text NOT NULL,
period text NOT NULL,
zone text NOT NULL,
included_nano numeric NOT NULL,
price numeric NOT NULL

-- table usage_credit_rule
since timestamp with time zone,
set_at timestamp with time zone NOT NULL,
project text NOT NULL,
model text,
channel text,
per_call numeric,
per_1k_tokens numeric

-- table usage_fingerprint
started_at timestamp with time zone NOT NULL,
ended_at timestamp with time zone NOT NULL,
size bigint NOT NULL,
output_tokens bigint,
call_started_at timestamp with time zone NOT NULL,
call bigint NOT NULL,
seen_at timestamp with time zone NOT NULL,
project text NOT NULL,
scope text NOT NULL,
response_id text

-- table usage_identity
started_at timestamp with time zone NOT NULL,
record bigint NOT NULL,
parent bigint,
key uuid NOT NULL,
flags smallint

-- table usage_ingest
count bigint NOT NULL,
first_seen timestamp with time zone NOT NULL,
last_seen timestamp with time zone NOT NULL,
project text NOT NULL,
outcome text NOT NULL,
detail text NOT NULL

-- table usage_key
created_at timestamp with time zone NOT NULL,
expires_at timestamp with time zone,
revoked_at timestamp with time zone,
id text NOT NULL,
digest bytea NOT NULL,
access text NOT NULL,
project text,
user_id text,
agent text,
label text

-- table usage_label
key uuid NOT NULL,
project text NOT NULL,
label text NOT NULL

-- table usage_measure
number smallint NOT NULL,
type text NOT NULL,
name text NOT NULL,
amount text NOT NULL

-- table usage_migration
version integer NOT NULL,
name text NOT NULL,
sha256 bytea NOT NULL,
applied_at timestamp with time zone NOT NULL

-- table usage_model
key bigint NOT NULL,
project text NOT NULL,
model text NOT NULL

-- table usage_observation
started_at timestamp with time zone NOT NULL,
id bigint NOT NULL,
duration_us bigint NOT NULL,
input_tokens bigint,
output_tokens bigint,
cache_read_tokens bigint,
cache_write_tokens bigint,
reasoning_tokens bigint,
cost_nano bigint,
credits_nano bigint NOT NULL,
failed boolean NOT NULL,
cost_reported boolean NOT NULL,
trace_id bytea NOT NULL,
span_id bytea NOT NULL,
project text NOT NULL,
source text NOT NULL,
operation text NOT NULL,
name text,
agent text,
conversation text,
user_id text,
channel text,
service text,
environment text,
provider text,
request_model text,
response_model text,
error_type text,
cache_write_1h_tokens bigint,
input_cost_nano bigint,
cache_read_cost_nano bigint,
cache_write_cost_nano bigint,
output_cost_nano bigint,
service_tier text,
suspect boolean NOT NULL,
call_started_at timestamp with time zone NOT NULL,
call bigint NOT NULL,
parent bigint,
flags smallint NOT NULL,
seen_at timestamp with time zone NOT NULL,
first_token_us bigint,
credits_reported boolean NOT NULL,
turn text,
attributes jsonb

-- table usage_price
since timestamp with time zone,
set_at timestamp with time zone NOT NULL,
model text NOT NULL,
provider text,
input numeric NOT NULL,
output numeric NOT NULL,
cache_read numeric,
cache_write numeric,
cache_write_1h numeric,
reasoning numeric,
per_call numeric NOT NULL,
project text

-- table usage_record
started_at timestamp with time zone NOT NULL,
id bigint NOT NULL,
duration_us bigint NOT NULL,
input_tokens bigint,
output_tokens bigint,
cache_read_tokens bigint,
cache_write_tokens bigint,
reasoning_tokens bigint,
cost_nano bigint,
credits_nano bigint NOT NULL,
failed boolean NOT NULL,
cost_reported boolean NOT NULL,
trace_id bytea NOT NULL,
span_id bytea NOT NULL,
project text NOT NULL,
source text NOT NULL,
operation text NOT NULL,
name text,
agent text,
conversation text,
user_id text,
channel text,
service text,
environment text,
provider text,
request_model text,
response_model text,
error_type text,
cache_write_1h_tokens bigint,
input_cost_nano bigint,
cache_read_cost_nano bigint,
cache_write_cost_nano bigint,
output_cost_nano bigint,
service_tier text,
suspect boolean NOT NULL,
first_token_us bigint,
credits_reported boolean NOT NULL,
turn text,
attributes jsonb

-- table usage_retention
single boolean NOT NULL,
kept_since timestamp with time zone

-- table usage_settled
until timestamp with time zone NOT NULL,
project text NOT NULL

-- table usage_unsettled
day timestamp with time zone NOT NULL,
since timestamp with time zone NOT NULL,
project text NOT NULL

-- index usage_ancestor_parent
CREATE INDEX usage_ancestor_parent ON usage_ancestor USING btree (project, parent) WHERE (parent IS NOT NULL)

-- index usage_ancestor_pkey
CREATE UNIQUE INDEX usage_ancestor_pkey ON usage_ancestor USING btree (project, span)

-- index usage_ancestor_seen
CREATE INDEX usage_ancestor_seen ON usage_ancestor USING brin (seen_at) WITH (pages_per_range='32')

-- index usage_by_agent_108d_bucket
CREATE INDEX usage_by_agent_108d_bucket ON usage_by_agent_108d USING btree (project, bucket)

-- index usage_by_agent_1d_project_bucket_agent_source_key
CREATE UNIQUE INDEX usage_by_agent_1d_project_bucket_agent_source_key ON usage_by_agent_1d USING btree (project, bucket, agent, source) NULLS NOT DISTINCT

-- index usage_by_agent_1h_project_bucket_agent_source_key
CREATE UNIQUE INDEX usage_by_agent_1h_project_bucket_agent_source_key ON usage_by_agent_1h USING btree (project, bucket, agent, source) NULLS NOT DISTINCT

-- index usage_by_agent_36d_bucket
CREATE INDEX usage_by_agent_36d_bucket ON usage_by_agent_36d USING btree (project, bucket)

-- index usage_by_agent_3d_bucket
CREATE INDEX usage_by_agent_3d_bucket ON usage_by_agent_3d USING btree (project, bucket)

-- index usage_by_agent_9d_bucket
CREATE INDEX usage_by_agent_9d_bucket ON usage_by_agent_9d USING btree (project, bucket)

-- index usage_by_conversation_108d_bucket
CREATE INDEX usage_by_conversation_108d_bucket ON usage_by_conversation_108d USING btree (project, bucket)

-- index usage_by_conversation_1d_project_bucket_conversation_agent__key
CREATE UNIQUE INDEX usage_by_conversation_1d_project_bucket_conversation_agent__key ON usage_by_conversation_1d USING btree (project, bucket, conversation, agent, item_name, source) NULLS NOT DISTINCT

-- index usage_by_conversation_36d_bucket
CREATE INDEX usage_by_conversation_36d_bucket ON usage_by_conversation_36d USING btree (project, bucket)

-- index usage_by_conversation_3d_bucket
CREATE INDEX usage_by_conversation_3d_bucket ON usage_by_conversation_3d USING btree (project, bucket)

-- index usage_by_conversation_9d_bucket
CREATE INDEX usage_by_conversation_9d_bucket ON usage_by_conversation_9d USING btree (project, bucket)

-- index usage_by_model_108d_bucket
CREATE INDEX usage_by_model_108d_bucket ON usage_by_model_108d USING btree (project, bucket)

-- index usage_by_model_15m_project_bucket_source_model_provider_ope_key
CREATE UNIQUE INDEX usage_by_model_15m_project_bucket_source_model_provider_ope_key ON usage_by_model_15m USING btree (project, bucket, source, model, provider, operation) NULLS NOT DISTINCT

-- index usage_by_model_1d_project_bucket_source_model_provider_oper_key
CREATE UNIQUE INDEX usage_by_model_1d_project_bucket_source_model_provider_oper_key ON usage_by_model_1d USING btree (project, bucket, source, model, provider, operation) NULLS NOT DISTINCT

-- index usage_by_model_1h_project_bucket_source_model_provider_oper_key
CREATE UNIQUE INDEX usage_by_model_1h_project_bucket_source_model_provider_oper_key ON usage_by_model_1h USING btree (project, bucket, source, model, provider, operation) NULLS NOT DISTINCT

-- index usage_by_model_36d_bucket
CREATE INDEX usage_by_model_36d_bucket ON usage_by_model_36d USING btree (project, bucket)

-- index usage_by_model_3d_bucket
CREATE INDEX usage_by_model_3d_bucket ON usage_by_model_3d USING btree (project, bucket)

-- index usage_by_model_9d_bucket
CREATE INDEX usage_by_model_9d_bucket ON usage_by_model_9d USING btree (project, bucket)

-- index usage_by_model_alone_108d_bucket
CREATE INDEX usage_by_model_alone_108d_bucket ON usage_by_model_alone_108d USING btree (project, bucket)

-- index usage_by_model_alone_1d_bucket
CREATE INDEX usage_by_model_alone_1d_bucket ON usage_by_model_alone_1d USING btree (project, bucket)

-- index usage_by_model_alone_36d_bucket
CREATE INDEX usage_by_model_alone_36d_bucket ON usage_by_model_alone_36d USING btree (project, bucket)

-- index usage_by_model_alone_3d_bucket
CREATE INDEX usage_by_model_alone_3d_bucket ON usage_by_model_alone_3d USING btree (project, bucket)

-- index usage_by_model_alone_9d_bucket
CREATE INDEX usage_by_model_alone_9d_bucket ON usage_by_model_alone_9d USING btree (project, bucket)

-- index usage_by_source_108d_bucket
CREATE INDEX usage_by_source_108d_bucket ON usage_by_source_108d USING btree (project, bucket)

-- index usage_by_source_1d_bucket
CREATE INDEX usage_by_source_1d_bucket ON usage_by_source_1d USING btree (project, bucket)

-- index usage_by_source_1h_bucket
CREATE INDEX usage_by_source_1h_bucket ON usage_by_source_1h USING btree (project, bucket)

-- index usage_by_source_36d_bucket
CREATE INDEX usage_by_source_36d_bucket ON usage_by_source_36d USING btree (project, bucket)

-- index usage_by_source_9d_bucket
CREATE INDEX usage_by_source_9d_bucket ON usage_by_source_9d USING btree (project, bucket)

-- index usage_by_user_108d_bucket
CREATE INDEX usage_by_user_108d_bucket ON usage_by_user_108d USING btree (project, bucket)

-- index usage_by_user_1d_project_bucket_user_id_source_key
CREATE UNIQUE INDEX usage_by_user_1d_project_bucket_user_id_source_key ON usage_by_user_1d USING btree (project, bucket, user_id, source) NULLS NOT DISTINCT

-- index usage_by_user_36d_bucket
CREATE INDEX usage_by_user_36d_bucket ON usage_by_user_36d USING btree (project, bucket)

-- index usage_by_user_3d_bucket
CREATE INDEX usage_by_user_3d_bucket ON usage_by_user_3d USING btree (project, bucket)

-- index usage_by_user_9d_bucket
CREATE INDEX usage_by_user_9d_bucket ON usage_by_user_9d USING btree (project, bucket)

-- index usage_conversation_pkey
CREATE UNIQUE INDEX usage_conversation_pkey ON usage_conversation USING btree (project, conversation)

-- index usage_conversation_turn_key
CREATE UNIQUE INDEX usage_conversation_turn_key ON usage_conversation_turn USING btree (conversation, turn, model) NULLS NOT DISTINCT

-- index usage_credit_plan_project_since_key
CREATE UNIQUE INDEX usage_credit_plan_project_since_key ON usage_credit_plan USING btree (project, since) NULLS NOT DISTINCT

-- index usage_credit_rule_project_model_channel_since_key
CREATE UNIQUE INDEX usage_credit_rule_project_model_channel_since_key ON usage_credit_rule USING btree (project, model, channel, since) NULLS NOT DISTINCT

-- index usage_fingerprint_call
CREATE INDEX usage_fingerprint_call ON usage_fingerprint USING btree (project, call_started_at, call)

-- index usage_fingerprint_seen
CREATE INDEX usage_fingerprint_seen ON usage_fingerprint USING brin (seen_at) WITH (pages_per_range='32')

-- index usage_fingerprint_size
CREATE INDEX usage_fingerprint_size ON usage_fingerprint USING btree (project, size, started_at)

-- index usage_identity_parent
CREATE INDEX usage_identity_parent ON usage_identity USING btree (parent) WHERE (parent IS NOT NULL)

-- index usage_identity_pkey
CREATE UNIQUE INDEX usage_identity_pkey ON usage_identity USING btree (key)

-- index usage_identity_time
CREATE INDEX usage_identity_time ON usage_identity USING brin (started_at) WITH (pages_per_range='32')

-- index usage_ingest_pkey
CREATE UNIQUE INDEX usage_ingest_pkey ON usage_ingest USING btree (project, outcome, detail)

-- index usage_key_digest_key
CREATE UNIQUE INDEX usage_key_digest_key ON usage_key USING btree (digest)

-- index usage_key_pkey
CREATE UNIQUE INDEX usage_key_pkey ON usage_key USING btree (id)

-- index usage_label_pkey
CREATE UNIQUE INDEX usage_label_pkey ON usage_label USING btree (project, key)

-- index usage_label_search
CREATE INDEX usage_label_search ON usage_label USING gin (label COLLATE "default" gin_trgm_ops)

-- index usage_measure_name_key
CREATE UNIQUE INDEX usage_measure_name_key ON usage_measure USING btree (name)

-- index usage_measure_pkey
CREATE UNIQUE INDEX usage_measure_pkey ON usage_measure USING btree (number)

-- index usage_migration_pkey
CREATE UNIQUE INDEX usage_migration_pkey ON usage_migration USING btree (version)

-- index usage_model_pkey
CREATE UNIQUE INDEX usage_model_pkey ON usage_model USING btree (project, key)

-- index usage_observation_pkey
CREATE UNIQUE INDEX usage_observation_pkey ON usage_observation USING btree (project, call_started_at, call, trace_id, span_id)

-- index usage_observation_seen
CREATE INDEX usage_observation_seen ON usage_observation USING brin (seen_at) WITH (pages_per_range='32')

-- index usage_price_project_model_provider_since_key
CREATE UNIQUE INDEX usage_price_project_model_provider_since_key ON usage_price USING btree (project, model, provider, since) NULLS NOT DISTINCT

-- index usage_record_conversation
CREATE INDEX usage_record_conversation ON usage_record USING btree (usage_text_hash(project, conversation), started_at DESC, id DESC) WHERE (conversation IS NOT NULL)

-- index usage_record_label
CREATE INDEX usage_record_label ON usage_record USING btree (usage_search_key(project, name, agent, conversation, user_id, request_model, response_model), started_at)

-- index usage_record_pkey
CREATE UNIQUE INDEX usage_record_pkey ON usage_record USING btree (project, started_at, id)

-- index usage_record_title
CREATE INDEX usage_record_title ON usage_record USING btree (usage_text_hash(project, conversation), started_at DESC, id DESC) WHERE ((conversation IS NOT NULL) AND (name IS NOT NULL))

-- index usage_retention_pkey
CREATE UNIQUE INDEX usage_retention_pkey ON usage_retention USING btree (single)

-- index usage_settled_pkey
CREATE UNIQUE INDEX usage_settled_pkey ON usage_settled USING btree (project)

-- index usage_unsettled_day
CREATE INDEX usage_unsettled_day ON usage_unsettled USING btree (project, day)

-- aggregate usage_entries
array_cat of bigint[] from

-- aggregate usage_histogram_sum
array_cat of bigint[] from {}

-- aggregate usage_sum
int8pl of bigint from 0

-- function usage_build_base_rollups
CREATE OR REPLACE FUNCTION usage_build_base_rollups()
 RETURNS void
 LANGUAGE plpgsql
AS $function$
DECLARE
    origin constant timestamptz := '2000-01-01 00:00:00+00';
    model constant text := 'coalesce(r.response_model, r.request_model)';
    item_name constant text := 'CASE WHEN r.conversation IS NULL AND r.agent IS NULL THEN r.name END';
    -- event, and the signed rows that its transition tables amount to
    events constant text[][] := ARRAY[
        ['insert', 'SELECT 1::bigint AS sign, added.* FROM added'],
        ['delete', 'SELECT -1::bigint AS sign, removed.* FROM removed'],
        ['update', 'SELECT 1::bigint AS sign, added.* FROM added '
                   'UNION ALL SELECT -1::bigint AS sign, removed.* FROM removed']
    ];
    measures constant text := (SELECT string_agg(name, ', ' ORDER BY number) FROM usage_measure);
    -- What one signed row adds, and the sums of such: of rows, and of finer sums.
    amounts constant text := (
        SELECT string_agg(
            format(
                CASE type WHEN 'histogram' THEN '(%s << 40) + r.sign AS %I' ELSE 'r.sign * (%s) AS %I' END, amount, name
            ), ', ' ORDER BY number
        )
        FROM usage_measure
    );
    sums constant text := (
        SELECT string_agg(
            format(
                CASE type
                    WHEN 'bigint' THEN 'usage_sum(r.%1$I) AS %1$I'
                    WHEN 'numeric' THEN 'sum(r.%1$I) AS %1$I'
                    ELSE 'array_remove(array_agg(r.%1$I), NULL) AS %1$I'
                END, name
            ), ', ' ORDER BY number
        )
        FROM usage_measure
    );
    sums_of_sums constant text := (
        SELECT string_agg(
            format(
                CASE type
                    WHEN 'bigint' THEN 'usage_sum(r.%1$I) AS %1$I'
                    WHEN 'numeric' THEN 'sum(r.%1$I) AS %1$I'
                    ELSE 'usage_entries(r.%1$I) AS %1$I'
                END, name
            ), ', ' ORDER BY number
        )
        FROM usage_measure
    );
    additions constant text := (
        SELECT string_agg(
            format(
                CASE type
                    WHEN 'histogram' THEN '%1$I = usage_histogram_plus(kept.%1$I, excluded.%1$I)'
                    ELSE '%1$I = kept.%1$I + excluded.%1$I'
                END, name
            ), ', ' ORDER BY number
        )
        FROM usage_measure
    );
    dimensions constant text :=
        format('r.source, %s AS model, r.provider, r.operation, r.agent, r.conversation, %s AS item_name, r.user_id',
               model, item_name);
    family record;
    rollup record;
    event text[];
    finer text; -- what a rollup's sums are made of
    columns text; -- its dimensions
    lacking text[];
    summed text := ''; -- the sums of all rollups
    kept_in text[] := '{}'; -- adds them to what is kept
    emptied text := ''; -- removes the groups that are no more
BEGIN
    -- No record is written while this goes on.
    LOCK TABLE usage_record IN SHARE ROW EXCLUSIVE MODE;
    FOR family IN
        SELECT f.*
        FROM (VALUES
            ('usage_by_model', ARRAY['source', 'model', 'provider', 'operation'], ARRAY['15m', '1h', '1d']),
            ('usage_by_agent', ARRAY['agent', 'source'], ARRAY['1h', '1d']),
            ('usage_by_conversation', ARRAY['conversation', 'agent', 'item_name', 'source'], ARRAY['1d']),
            ('usage_by_user', ARRAY['user_id', 'source'], ARRAY['1d'])
        ) AS f (name, dimensions, suffixes)
    LOOP
        columns := array_to_string(family.dimensions, ', ');
        finer := 'signed';
        FOR rollup IN
            SELECT family.name || '_' || wanted.suffix AS name, l.grain
            FROM unnest(family.suffixes) WITH ORDINALITY AS wanted (suffix, number)
            INNER JOIN (VALUES ('15m', '15 minutes'), ('1h', '1 hour'), ('1d', '1 day')) AS l (suffix, grain)
                USING (suffix)
            ORDER BY wanted.number
        LOOP
            lacking := ARRAY(
                SELECT m.name FROM usage_measure AS m
                WHERE NOT EXISTS (
                    SELECT FROM pg_attribute AS a
                    WHERE a.attrelid = rollup.name::regclass AND a.attname = m.name AND NOT a.attisdropped
                )
            );
            IF cardinality(lacking) > 0 THEN
                EXECUTE format(
                    'ALTER TABLE %I %s', rollup.name,
                    (SELECT string_agg(
                         format(
                             CASE type
                                 WHEN 'histogram' THEN
                                     'ADD COLUMN %1$I bigint[] NOT NULL DEFAULT ''{}'', '
                                     'ALTER COLUMN %1$I SET STORAGE EXTERNAL'
                                 ELSE 'ADD COLUMN %1$I %2$s NOT NULL DEFAULT 0'
                             END, name, type
                         ), ', ' ORDER BY number
                     )
                     FROM usage_measure WHERE name = ANY (lacking))
                );
                EXECUTE format(
                    'INSERT INTO %1$I AS kept (project, bucket, %2$s, %3$s)
                     SELECT r.project, date_bin(%4$L, r.bucket, %5$L), %2$s, %6$s
                     FROM (
                         SELECT r.project, r.started_at AS bucket, %7$s, %8$s FROM usage_record AS r
                         WHERE r.started_at >= %9$L AND (%10$s)
                     ) AS r
                     GROUP BY r.project, 2, %2$s
                     ON CONFLICT (project, bucket, %2$s) DO UPDATE SET %11$s',
                    rollup.name, columns, measures, rollup.grain, origin,
                    (SELECT string_agg(
                         CASE
                             WHEN type = 'histogram' AND name = ANY (lacking)
                                 THEN format('usage_histogram(array_agg(r.%I))', name)
                             WHEN type = 'histogram' THEN '''{}''::bigint[]'
                             WHEN name = ANY (lacking) THEN format('sum(r.%I)', name)
                             ELSE '0'
                         END, ', ' ORDER BY number
                     ) FROM usage_measure),
                    dimensions, replace(amounts, 'r.sign', '1'),
                    coalesce((SELECT kept_since FROM usage_retention), '-infinity'),
                    (SELECT string_agg(
                         format(CASE type WHEN 'histogram' THEN '%s IS NOT NULL' ELSE '%s <> 0' END, amount), ' OR '
                     )
                     FROM usage_measure WHERE name = ANY (lacking)),
                    additions
                );
            END IF;
            -- Nobody asks for measures by their values: to know how these are distributed would cost autovacuum as
            -- much as all writing costs.
            EXECUTE format(
                'ALTER TABLE %I %s', rollup.name,
                (SELECT string_agg(format('ALTER COLUMN %I SET STATISTICS 0', name), ', ') FROM usage_measure)
            );

            summed := summed || format(
                ', %1$I AS MATERIALIZED (
                     SELECT r.project, date_bin(%2$L, r.bucket, %3$L) AS bucket, %4$s, %5$s FROM %6$I AS r
                     GROUP BY r.project, 2, %4$s
                 )',
                rollup.name || '_sums', rollup.grain, origin, columns,
                CASE finer WHEN 'signed' THEN sums ELSE sums_of_sums END, finer
            );
            -- Ordered by key, so that concurrent batches take their row locks in one order.
            kept_in := kept_in || format(
                'INSERT INTO %1$I AS kept (project, bucket, %2$s, %3$s)
                 SELECT r.project, r.bucket, %2$s, %3$s FROM %4$I AS r ORDER BY r.project, r.bucket, %2$s
                 ON CONFLICT (project, bucket, %2$s) DO UPDATE SET %5$s',
                rollup.name, columns, measures, rollup.name || '_sums', additions
            );
            -- A group without calls is no group.
            emptied := emptied || format(
                'DELETE FROM %1$I AS kept USING
                 (SELECT DISTINCT project, date_bin(%2$L, started_at, %3$L) AS bucket FROM removed) AS touched
                 WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0; ',
                rollup.name, rollup.grain, origin
            );
            finer := rollup.name || '_sums';
        END LOOP;
    END LOOP;

    FOREACH event SLICE 1 IN ARRAY events LOOP
        EXECUTE format(
            'CREATE OR REPLACE FUNCTION usage_roll_up_%1$s() RETURNS trigger LANGUAGE plpgsql AS $body$
             BEGIN
                 WITH signed AS MATERIALIZED (
                     SELECT r.project, date_bin(%2$L, r.started_at, %3$L) AS bucket, %4$s, %5$s FROM (%6$s) AS r
                 )%7$s%8$s
                 %9$s;
                 %10$s
                 RETURN NULL;
             END $body$',
            event[1], '15 minutes', origin, dimensions, amounts, event[2], summed,
            (SELECT string_agg(format(', added_%s AS (%s)', number, statement), '' ORDER BY number)
             FROM unnest(kept_in) WITH ORDINALITY AS k (statement, number) WHERE number < cardinality(kept_in)),
            kept_in[cardinality(kept_in)], CASE event[1] WHEN 'insert' THEN '' ELSE emptied END
        );
    END LOOP;
END $function$

-- function usage_build_rollups
CREATE OR REPLACE FUNCTION usage_build_rollups()
 RETURNS void
 LANGUAGE sql
AS $function$
    SELECT usage_build_base_rollups();
    SELECT usage_build_settled();
$function$

-- function usage_build_settled
CREATE OR REPLACE FUNCTION usage_build_settled()
 RETURNS void
 LANGUAGE plpgsql
AS $function$
DECLARE
    rollup record;
BEGIN
    PERFORM pg_advisory_xact_lock(1970497394, 4);
    DELETE FROM usage_settled;
    DELETE FROM usage_unsettled;
    FOR rollup IN SELECT * FROM usage_settled_rollup LOOP
        IF to_regclass(rollup.name) IS NOT NULL THEN
            EXECUTE format('DROP TABLE %I', rollup.name);
        END IF;
        EXECUTE format(
            'CREATE TABLE %I (bucket timestamptz NOT NULL, %s, %s, project text COLLATE "C" NOT NULL, %s)',
            rollup.name,
            (SELECT string_agg(format('%I %s NOT NULL', name, type), ', ' ORDER BY number)
             FROM usage_measure WHERE type = 'bigint' AND number <= 12),
            (SELECT string_agg(format('%I text COLLATE "C"', c), ', ') FROM unnest(rollup.columns) AS c),
            (SELECT string_agg(
                format('%I %s NOT NULL', name, CASE type WHEN 'histogram' THEN 'bigint[]' ELSE type END),
                ', ' ORDER BY type = 'histogram', type DESC, number
             )
             FROM usage_measure
             WHERE type = 'numeric' OR type = 'bigint' AND number > 12 OR type = 'histogram' AND rollup.histograms)
        );
        EXECUTE format('CREATE INDEX %I ON %I (project, bucket)', rollup.name || '_bucket', rollup.name);
    END LOOP;
END $function$

-- function usage_by_agent_1d
CREATE OR REPLACE FUNCTION usage_by_agent_1d(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_agent_1d
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
                 SELECT r.* FROM usage_by_agent_1d AS r WHERE r.project = wanted AND r.bucket >= since AND r.bucket < until
             $function$

-- function usage_by_agent_1h
CREATE OR REPLACE FUNCTION usage_by_agent_1h(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_agent_1h
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
                 SELECT r.* FROM usage_by_agent_1h AS r WHERE r.project = wanted AND r.bucket >= since AND r.bucket < until
             $function$

-- function usage_by_conversation_1d
CREATE OR REPLACE FUNCTION usage_by_conversation_1d(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_conversation_1d
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
                 SELECT r.* FROM usage_by_conversation_1d AS r WHERE r.project = wanted AND r.bucket >= since AND r.bucket < until
             $function$

-- function usage_by_model_15m
CREATE OR REPLACE FUNCTION usage_by_model_15m(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_model_15m
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
                 SELECT r.* FROM usage_by_model_15m AS r WHERE r.project = wanted AND r.bucket >= since AND r.bucket < until
             $function$

-- function usage_by_model_1d
CREATE OR REPLACE FUNCTION usage_by_model_1d(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_model_1d
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
                 SELECT r.* FROM usage_by_model_1d AS r WHERE r.project = wanted AND r.bucket >= since AND r.bucket < until
             $function$

-- function usage_by_model_1h
CREATE OR REPLACE FUNCTION usage_by_model_1h(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_model_1h
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
                 SELECT r.* FROM usage_by_model_1h AS r WHERE r.project = wanted AND r.bucket >= since AND r.bucket < until
             $function$

-- function usage_by_user_1d
CREATE OR REPLACE FUNCTION usage_by_user_1d(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_user_1d
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
                 SELECT r.* FROM usage_by_user_1d AS r WHERE r.project = wanted AND r.bucket >= since AND r.bucket < until
             $function$

-- function usage_conversation_added
CREATE OR REPLACE FUNCTION usage_conversation_added()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
         BEGIN
             WITH said AS MATERIALIZED (SELECT r.project, r.conversation, r.started_at, r.id, usage_turn_key(r.turn, r.trace_id) AS turn,
             coalesce(r.response_model, r.request_model) AS model, r.name AS title, r.agent, r.channel, r.user_id
         FROM added AS r WHERE r.conversation IS NOT NULL),

         turns AS MATERIALIZED (
             SELECT
                 r.project, r.conversation, r.turn, r.model, min(r.started_at) AS first_at, max(r.started_at) AS last_at
             FROM said AS r
             GROUP BY r.project, r.conversation, r.turn, r.model
         ),

         named AS (
             INSERT INTO usage_model (project, key, model)
             SELECT r.project, usage_hash(r.model) AS key, r.model
             FROM (SELECT DISTINCT t.project, t.model FROM turns AS t WHERE t.model IS NOT NULL) AS r
             ORDER BY r.project, key
             ON CONFLICT DO NOTHING
         ),

         taken AS (
             INSERT INTO usage_conversation_turn AS kept (conversation, turn, model, first_at, last_at)
             SELECT
                 usage_conversation_key(r.project, r.conversation), r.turn, usage_hash(r.model), min(r.first_at),
                 max(r.last_at)
             FROM turns AS r
             GROUP BY 1, 2, 3
             ORDER BY 1, 2, 3
             ON CONFLICT (conversation, turn, model) DO UPDATE SET
                 first_at = least(kept.first_at, excluded.first_at), last_at = greatest(kept.last_at, excluded.last_at)
         )

         INSERT INTO usage_conversation AS kept (
             project, conversation, first_at, last_at, title, agent, channel, user_id
         )
         SELECT r.project, r.conversation, min(r.started_at), max(r.started_at), (max(ARRAY[(r.started_at, r.id, r.title)::usage_quote]) FILTER (WHERE r.title IS NOT NULL))[1], (max(ARRAY[(r.started_at, r.id, r.agent)::usage_quote]) FILTER (WHERE r.agent IS NOT NULL))[1], (max(ARRAY[(r.started_at, r.id, r.channel)::usage_quote]) FILTER (WHERE r.channel IS NOT NULL))[1], (max(ARRAY[(r.started_at, r.id, r.user_id)::usage_quote]) FILTER (WHERE r.user_id IS NOT NULL))[1]
         FROM said AS r
         GROUP BY r.project, r.conversation
         ORDER BY r.project, r.conversation
         ON CONFLICT (project, conversation) DO UPDATE SET
             first_at = least(kept.first_at, excluded.first_at), last_at = greatest(kept.last_at, excluded.last_at),
             title = greatest(kept.title, excluded.title), agent = greatest(kept.agent, excluded.agent),
             channel = greatest(kept.channel, excluded.channel), user_id = greatest(kept.user_id, excluded.user_id);
             RETURN NULL;
         END $function$

-- function usage_conversation_changed
CREATE OR REPLACE FUNCTION usage_conversation_changed()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
         BEGIN
             WITH said AS MATERIALIZED (SELECT r.project, r.conversation, r.started_at, r.id, usage_turn_key(r.turn, r.trace_id) AS turn,
             coalesce(r.response_model, r.request_model) AS model, r.name AS title, r.agent, r.channel, r.user_id
         FROM added AS r WHERE r.conversation IS NOT NULL EXCEPT SELECT r.project, r.conversation, r.started_at, r.id, usage_turn_key(r.turn, r.trace_id) AS turn,
             coalesce(r.response_model, r.request_model) AS model, r.name AS title, r.agent, r.channel, r.user_id
         FROM removed AS r WHERE r.conversation IS NOT NULL),

         turns AS MATERIALIZED (
             SELECT
                 r.project, r.conversation, r.turn, r.model, min(r.started_at) AS first_at, max(r.started_at) AS last_at
             FROM said AS r
             GROUP BY r.project, r.conversation, r.turn, r.model
         ),

         named AS (
             INSERT INTO usage_model (project, key, model)
             SELECT r.project, usage_hash(r.model) AS key, r.model
             FROM (SELECT DISTINCT t.project, t.model FROM turns AS t WHERE t.model IS NOT NULL) AS r
             ORDER BY r.project, key
             ON CONFLICT DO NOTHING
         ),

         taken AS (
             INSERT INTO usage_conversation_turn AS kept (conversation, turn, model, first_at, last_at)
             SELECT
                 usage_conversation_key(r.project, r.conversation), r.turn, usage_hash(r.model), min(r.first_at),
                 max(r.last_at)
             FROM turns AS r
             GROUP BY 1, 2, 3
             ORDER BY 1, 2, 3
             ON CONFLICT (conversation, turn, model) DO UPDATE SET
                 first_at = least(kept.first_at, excluded.first_at), last_at = greatest(kept.last_at, excluded.last_at)
         )

         INSERT INTO usage_conversation AS kept (
             project, conversation, first_at, last_at, title, agent, channel, user_id
         )
         SELECT r.project, r.conversation, min(r.started_at), max(r.started_at), (max(ARRAY[(r.started_at, r.id, r.title)::usage_quote]) FILTER (WHERE r.title IS NOT NULL))[1], (max(ARRAY[(r.started_at, r.id, r.agent)::usage_quote]) FILTER (WHERE r.agent IS NOT NULL))[1], (max(ARRAY[(r.started_at, r.id, r.channel)::usage_quote]) FILTER (WHERE r.channel IS NOT NULL))[1], (max(ARRAY[(r.started_at, r.id, r.user_id)::usage_quote]) FILTER (WHERE r.user_id IS NOT NULL))[1]
         FROM said AS r
         GROUP BY r.project, r.conversation
         ORDER BY r.project, r.conversation
         ON CONFLICT (project, conversation) DO UPDATE SET
             first_at = least(kept.first_at, excluded.first_at), last_at = greatest(kept.last_at, excluded.last_at),
             title = greatest(kept.title, excluded.title), agent = greatest(kept.agent, excluded.agent),
             channel = greatest(kept.channel, excluded.channel), user_id = greatest(kept.user_id, excluded.user_id);
             PERFORM usage_take_back(
                 array_agg(gone.project), array_agg(gone.conversation), array_agg(gone.started_at), array_agg(gone.id),
                 array_agg(gone.turn), array_agg(gone.model), array_agg(gone.left_turn)
             )
             FROM (
                 SELECT
                     r.*,
                     (now.conversation, now.turn, now.model)
                         IS DISTINCT FROM (r.conversation, r.turn, r.model) AS left_turn
                 FROM (SELECT r.project, r.conversation, r.started_at, r.id, usage_turn_key(r.turn, r.trace_id) AS turn,
             coalesce(r.response_model, r.request_model) AS model, r.name AS title, r.agent, r.channel, r.user_id
         FROM removed AS r WHERE r.conversation IS NOT NULL) AS r
                 LEFT JOIN (SELECT r.project, r.conversation, r.started_at, r.id, usage_turn_key(r.turn, r.trace_id) AS turn,
             coalesce(r.response_model, r.request_model) AS model, r.name AS title, r.agent, r.channel, r.user_id
         FROM added AS r WHERE r.conversation IS NOT NULL) AS now ON now.project = r.project AND now.started_at = r.started_at AND now.id = r.id
                 WHERE r IS DISTINCT FROM now
             ) AS gone
             HAVING count(*) > 0;
             RETURN NULL;
         END $function$

-- function usage_conversation_key
CREATE OR REPLACE FUNCTION usage_conversation_key(project text, conversation text)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN usage_hash(((project || ''::text) || conversation))

-- function usage_conversation_removed
CREATE OR REPLACE FUNCTION usage_conversation_removed()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM usage_take_back(
        ARRAY[old.project], ARRAY[old.conversation], ARRAY[old.started_at], ARRAY[old.id],
        ARRAY[usage_turn_key(old.turn, old.trace_id)], ARRAY[coalesce(old.response_model, old.request_model)],
        ARRAY[true]
    );
    RETURN NULL;
END $function$

-- function usage_conversations
CREATE OR REPLACE FUNCTION usage_conversations(wanted text, until timestamp with time zone)
 RETURNS TABLE(conversation text, first_at timestamp with time zone, last_at timestamp with time zone, title text, agent text, channel text, user_id text, turns bigint, models text[])
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
    SELECT
        k.conversation,
        k.first_at,
        CASE WHEN k.last_at < until THEN k.last_at WHEN k.first_at < until THEN coalesce(
            (
                SELECT r.started_at FROM usage_record AS r
                WHERE r.project = wanted AND usage_in_conversation(r.project, r.conversation, wanted, k.conversation)
                    AND r.started_at >= k.first_at AND r.started_at < until
                ORDER BY r.started_at DESC, r.id DESC
                LIMIT 1
            ),
            (
                SELECT max(CASE WHEN t.last_at < until THEN t.last_at ELSE t.first_at END)
                FROM usage_conversation_turn AS t
                WHERE t.conversation = usage_conversation_key(wanted, k.conversation) AND t.first_at < until
            )
        ) END,
        (k.title).said,
        (k.agent).said,
        (k.channel).said,
        (k.user_id).said,
        CASE WHEN k.last_at < until THEN (
            SELECT count(DISTINCT t.turn) FROM usage_conversation_turn AS t
            WHERE t.conversation = usage_conversation_key(wanted, k.conversation)
        ) WHEN k.last_at < until + INTERVAL '24 hours' AND until >= coalesce(kept.since, '-infinity') THEN (
            SELECT count(DISTINCT t.turn) FROM usage_conversation_turn AS t
            WHERE t.conversation = usage_conversation_key(wanted, k.conversation)
        ) - (
            SELECT count(*)
            FROM (
                SELECT DISTINCT usage_turn_key(r.turn, r.trace_id) AS turn
                FROM usage_record AS r
                WHERE r.project = wanted AND usage_in_conversation(r.project, r.conversation, wanted, k.conversation)
                    AND r.started_at >= until
            ) AS late
            WHERE NOT EXISTS (
                SELECT FROM usage_conversation_turn AS t
                WHERE t.conversation = usage_conversation_key(wanted, k.conversation)
                    AND t.turn = late.turn AND t.first_at < until
            )
        ) ELSE (
            SELECT count(DISTINCT t.turn) FROM usage_conversation_turn AS t
            WHERE t.conversation = usage_conversation_key(wanted, k.conversation) AND t.first_at < until
        ) END,
        ARRAY(
            SELECT m.model FROM usage_model AS m
            WHERE m.project = wanted AND m.key IN (
                SELECT t.model FROM usage_conversation_turn AS t
                WHERE t.conversation = usage_conversation_key(wanted, k.conversation)
            )
            ORDER BY m.model
        )
    FROM usage_conversation AS k
    CROSS JOIN (SELECT (SELECT r.kept_since FROM usage_retention AS r) AS since) AS kept
    WHERE k.project = wanted
$function$

-- function usage_expire
CREATE OR REPLACE PROCEDURE usage_expire()
 LANGUAGE plpgsql
AS $procedure$
DECLARE
    owner text;
BEGIN
    owner := (SELECT min(project) FROM usage_record);
    WHILE owner IS NOT NULL LOOP
        LOOP
            PERFORM set_config('usage_graph.expiring', 'on', true);
            DELETE FROM usage_record WHERE ctid = ANY (ARRAY(
                SELECT r.ctid FROM usage_record AS r
                WHERE r.project = owner AND r.started_at < (SELECT kept_since FROM usage_retention)
                LIMIT 10000
            ));
            EXIT WHEN NOT found;
            COMMIT;
        END LOOP;
        owner := (SELECT min(project) FROM usage_record WHERE project > owner);
    END LOOP;
    COMMIT;
    CALL usage_expire_identities();
END $procedure$

-- function usage_expire_identities
CREATE OR REPLACE PROCEDURE usage_expire_identities()
 LANGUAGE plpgsql
AS $procedure$
BEGIN
    LOOP
        DELETE FROM usage_identity WHERE ctid = ANY (ARRAY(
            SELECT i.ctid FROM usage_identity AS i
            WHERE i.started_at < (SELECT kept_since FROM usage_retention)
            LIMIT 10000
        ));
        EXIT WHEN NOT found;
        COMMIT;
    END LOOP;
END $procedure$

-- function usage_finds_by_label
CREATE OR REPLACE FUNCTION usage_finds_by_label()
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN true

-- function usage_first_stretch
CREATE OR REPLACE FUNCTION usage_first_stretch(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS timestamp with time zone
 LANGUAGE plpgsql
AS $function$
BEGIN
    RETURN coalesce(
        (SELECT date_bin('864 hours', min(r.bucket), '2000-01-01 00:00:00+00')
         FROM usage_by_model_1d(wanted, since, until) AS r),
        until
    );
EXCEPTION WHEN numeric_value_out_of_range THEN
    RAISE WARNING 'sums since % leave their range', since;
    RETURN NULL;
END $function$

-- function usage_forget
CREATE OR REPLACE PROCEDURE usage_forget()
 LANGUAGE plpgsql
AS $procedure$
BEGIN
    LOOP
        DELETE FROM usage_ancestor WHERE ctid = ANY (ARRAY(
            SELECT a.ctid FROM usage_ancestor AS a WHERE a.seen_at < now() - INTERVAL '1 day' LIMIT 10000
        ));
        EXIT WHEN NOT found;
        COMMIT;
    END LOOP;
    LOOP
        DELETE FROM usage_observation WHERE ctid = ANY (ARRAY(
            SELECT o.ctid FROM usage_observation AS o
            WHERE o.seen_at < now() - INTERVAL '7 days' AND NOT EXISTS (
                -- Of a call all are kept or none: some of them would be taken for all.
                SELECT FROM usage_observation AS n
                WHERE n.project = o.project AND n.call_started_at = o.call_started_at AND n.call = o.call
                    AND n.seen_at >= now() - INTERVAL '7 days'
            )
            LIMIT 10000
        ));
        EXIT WHEN NOT found;
        COMMIT;
    END LOOP;
    LOOP
        DELETE FROM usage_fingerprint WHERE ctid = ANY (ARRAY(
            SELECT f.ctid FROM usage_fingerprint AS f WHERE f.seen_at < now() - INTERVAL '1 day' LIMIT 10000
        ));
        EXIT WHEN NOT found;
        COMMIT;
    END LOOP;
END $procedure$

-- function usage_freshness
CREATE OR REPLACE FUNCTION usage_freshness(wanted text)
 RETURNS TABLE(data_through timestamp with time zone, materialized_through timestamp with time zone)
 LANGUAGE sql
 STABLE
AS $function$
    SELECT max(started_at), max(started_at) FROM usage_record WHERE project = wanted
$function$

-- function usage_hash
CREATE OR REPLACE FUNCTION usage_hash(said text)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN ((('x'::text || "left"(md5(said), 16)))::bit(64))::bigint

-- function usage_histogram
CREATE OR REPLACE FUNCTION usage_histogram(entries bigint[])
 RETURNS bigint[]
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
    SELECT coalesce(array_agg((c.class << 40) + c.calls ORDER BY c.class), '{}')
    FROM (
        SELECT e.class, sum(e.entry - (e.class << 40))::bigint AS calls
        FROM (SELECT u.entry, (u.entry + (1::bigint << 39)) >> 40 AS class FROM unnest(entries) AS u (entry)) AS e
        WHERE e.entry IS NOT NULL
        GROUP BY e.class
    ) AS c
    WHERE c.calls <> 0
$function$

-- function usage_histogram_plus
CREATE OR REPLACE FUNCTION usage_histogram_plus(kept bigint[], added bigint[])
 RETURNS bigint[]
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
    SELECT CASE
        WHEN cardinality(kept) / 256 = (cardinality(kept) + cardinality(added)) / 256 THEN kept || added
        ELSE usage_histogram(kept || added)
    END
$function$

-- function usage_identity_key
CREATE OR REPLACE FUNCTION usage_identity_key(project text, kind integer, key bytea)
 RETURNS uuid
 LANGUAGE sql
 STABLE PARALLEL SAFE STRICT
RETURN (encode(substr(sha256((((convert_to(project, 'UTF8'::name) || '\x00'::bytea) || decode(lpad(to_hex(kind), 2, '0'::text), 'hex'::text)) || key)), 1, 16), 'hex'::text))::uuid

-- function usage_in_conversation
CREATE OR REPLACE FUNCTION usage_in_conversation(project text, conversation text, wanted_project text, wanted text)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN ((usage_text_hash(project, conversation) = usage_text_hash(wanted_project, wanted)) AND COALESCE(((conversation COLLATE "C") = wanted), false))

-- function usage_in_conversations
CREATE OR REPLACE FUNCTION usage_in_conversations(project text, conversation text, wanted_project text, wanted text[])
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN ((usage_text_hash(project, conversation) = ANY (usage_text_hashes(wanted_project, wanted))) AND COALESCE(((conversation COLLATE "C") = ANY (wanted)), false))

-- function usage_keep_since
CREATE OR REPLACE FUNCTION usage_keep_since(since timestamp with time zone)
 RETURNS timestamp with time zone
 LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM pg_advisory_xact_lock(1970497394, 1);
    UPDATE usage_retention SET kept_since = since
    WHERE (kept_since IS NULL OR kept_since < since) AND NOT EXISTS (SELECT FROM usage_stale() AS s WHERE s.since < $1);
    RETURN (SELECT kept_since FROM usage_retention);
END $function$

-- function usage_label_added
CREATE OR REPLACE FUNCTION usage_label_added()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    INSERT INTO usage_label (project, key, label)
    SELECT DISTINCT
        a.project,
        usage_search_key(a.project, a.name, a.agent, a.conversation, a.user_id, a.request_model, a.response_model),
        usage_search_text(a.name, a.agent, a.conversation, a.user_id, a.request_model, a.response_model)
    FROM added AS a
    ORDER BY 1, 2
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $function$

-- function usage_over
CREATE OR REPLACE FUNCTION usage_over(at timestamp with time zone)
 RETURNS timestamp with time zone
 LANGUAGE sql
AS $function$
    SELECT date_bin(
        '24 hours',
        least(at - INTERVAL '6 hours', (
            SELECT min(a.xact_start) - INTERVAL '1 hour' FROM pg_stat_activity AS a
            WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
        )),
        '2000-01-01 00:00:00+00'
    )
$function$

-- function usage_projects
CREATE OR REPLACE FUNCTION usage_projects()
 RETURNS SETOF text
 LANGUAGE sql
 STABLE
AS $function$
    SELECT DISTINCT project FROM usage_by_model_1d
$function$

-- function usage_quote_others
CREATE OR REPLACE FUNCTION usage_quote_others(projects text[], conversations text[], starts timestamp with time zone[], records bigint[], since timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
         BEGIN
             UPDATE usage_conversation AS k
         SET title = (
             SELECT (r.started_at, r.id, r.name)::usage_quote
             FROM usage_record AS r
             WHERE r.project = k.project
                 AND usage_in_conversation(r.project, r.conversation, k.project, k.conversation)
                 AND r.name IS NOT NULL
                 AND r.started_at >= since AND r.started_at <= (k.title).at
             ORDER BY r.started_at DESC, r.id DESC
             LIMIT 1
         )
         FROM unnest(projects, conversations, starts, records) AS gone (project, conversation, started_at, record)
         WHERE k.project = gone.project AND k.conversation = gone.conversation
             AND (k.title).at = gone.started_at AND (k.title).record = gone.record AND gone.started_at >= since; UPDATE usage_conversation AS k
         SET agent = (
             SELECT (r.started_at, r.id, r.agent)::usage_quote
             FROM usage_record AS r
             WHERE r.project = k.project
                 AND usage_in_conversation(r.project, r.conversation, k.project, k.conversation)
                 AND r.agent IS NOT NULL
                 AND r.started_at >= since AND r.started_at <= (k.agent).at
             ORDER BY r.started_at DESC, r.id DESC
             LIMIT 1
         )
         FROM unnest(projects, conversations, starts, records) AS gone (project, conversation, started_at, record)
         WHERE k.project = gone.project AND k.conversation = gone.conversation
             AND (k.agent).at = gone.started_at AND (k.agent).record = gone.record AND gone.started_at >= since; UPDATE usage_conversation AS k
         SET channel = (
             SELECT (r.started_at, r.id, r.channel)::usage_quote
             FROM usage_record AS r
             WHERE r.project = k.project
                 AND usage_in_conversation(r.project, r.conversation, k.project, k.conversation)
                 AND r.channel IS NOT NULL
                 AND r.started_at >= since AND r.started_at <= (k.channel).at
             ORDER BY r.started_at DESC, r.id DESC
             LIMIT 1
         )
         FROM unnest(projects, conversations, starts, records) AS gone (project, conversation, started_at, record)
         WHERE k.project = gone.project AND k.conversation = gone.conversation
             AND (k.channel).at = gone.started_at AND (k.channel).record = gone.record AND gone.started_at >= since; UPDATE usage_conversation AS k
         SET user_id = (
             SELECT (r.started_at, r.id, r.user_id)::usage_quote
             FROM usage_record AS r
             WHERE r.project = k.project
                 AND usage_in_conversation(r.project, r.conversation, k.project, k.conversation)
                 AND r.user_id IS NOT NULL
                 AND r.started_at >= since AND r.started_at <= (k.user_id).at
             ORDER BY r.started_at DESC, r.id DESC
             LIMIT 1
         )
         FROM unnest(projects, conversations, starts, records) AS gone (project, conversation, started_at, record)
         WHERE k.project = gone.project AND k.conversation = gone.conversation
             AND (k.user_id).at = gone.started_at AND (k.user_id).record = gone.record AND gone.started_at >= since;
         END $function$

-- function usage_record_kept
CREATE OR REPLACE FUNCTION usage_record_kept()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
DECLARE
    since timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1970497394, 1);
    SELECT kept_since INTO since FROM usage_retention;
    IF EXISTS (SELECT FROM added WHERE started_at < since) THEN
        RAISE EXCEPTION 'a record is older than those that are kept' USING ERRCODE = 'datetime_field_overflow';
    END IF;
    RETURN NULL;
END $function$

-- function usage_refresh
CREATE OR REPLACE PROCEDURE usage_refresh(IN since timestamp with time zone, IN until timestamp with time zone)
 LANGUAGE plpgsql
AS $procedure$
BEGIN
    NULL;
END $procedure$

-- function usage_roll_up_delete
CREATE OR REPLACE FUNCTION usage_roll_up_delete()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
             BEGIN
                 WITH signed AS MATERIALIZED (
                     SELECT r.project, date_bin('15 minutes', r.started_at, '2000-01-01 00:00:00+00') AS bucket, r.source, coalesce(r.response_model, r.request_model) AS model, r.provider, r.operation, r.agent, r.conversation, CASE WHEN r.conversation IS NULL AND r.agent IS NULL THEN r.name END AS item_name, r.user_id, r.sign * (1) AS calls, r.sign * (r.failed::int) AS failed_calls, r.sign * ((r.cost_nano IS NULL)::int) AS unpriced_calls, r.sign * ((r.input_tokens IS NULL AND r.output_tokens IS NULL)::int) AS unmeasured_calls, r.sign * (coalesce(r.input_tokens, 0)) AS input_tokens, r.sign * (coalesce(r.output_tokens, 0)) AS output_tokens, r.sign * (coalesce(r.cache_read_tokens, 0)) AS cache_read_tokens, r.sign * (coalesce(r.cache_write_tokens, 0)) AS cache_write_tokens, r.sign * (coalesce(r.reasoning_tokens, 0)) AS reasoning_tokens, r.sign * (coalesce(r.cost_nano, 0)) AS cost_nano, r.sign * (r.credits_nano) AS credits_nano, r.sign * (r.duration_us) AS duration_us, r.sign * (r.suspect::int) AS suspect_calls, r.sign * (coalesce(r.cache_write_1h_tokens, 0)) AS cache_write_1h_tokens, r.sign * (coalesce(r.input_cost_nano, 0)) AS input_cost_nano, r.sign * (coalesce(r.cache_read_cost_nano, 0)) AS cache_read_cost_nano, r.sign * (coalesce(r.cache_write_cost_nano, 0)) AS cache_write_cost_nano, r.sign * (coalesce(r.output_cost_nano, 0)) AS output_cost_nano, r.sign * (CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END) AS unpriced_input_tokens, r.sign * (CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END) AS unpriced_output_tokens, r.sign * ((r.duration_us > 0)::int) AS timed_calls, r.sign * (CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END) AS timed_output_tokens, r.sign * (CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END) AS timed_output_us, r.sign * ((r.first_token_us IS NOT NULL)::int) AS first_token_calls, r.sign * (coalesce(r.first_token_us, 0)) AS first_token_us, (usage_time_class(nullif(r.duration_us, 0)) << 40) + r.sign AS durations, (usage_time_class(r.first_token_us) << 40) + r.sign AS first_tokens FROM (SELECT -1::bigint AS sign, removed.* FROM removed) AS r
                 ), usage_by_model_15m_sums AS MATERIALIZED (
                     SELECT r.project, date_bin('15 minutes', r.bucket, '2000-01-01 00:00:00+00') AS bucket, source, model, provider, operation, usage_sum(r.calls) AS calls, usage_sum(r.failed_calls) AS failed_calls, usage_sum(r.unpriced_calls) AS unpriced_calls, usage_sum(r.unmeasured_calls) AS unmeasured_calls, usage_sum(r.input_tokens) AS input_tokens, usage_sum(r.output_tokens) AS output_tokens, usage_sum(r.cache_read_tokens) AS cache_read_tokens, usage_sum(r.cache_write_tokens) AS cache_write_tokens, usage_sum(r.reasoning_tokens) AS reasoning_tokens, usage_sum(r.cost_nano) AS cost_nano, sum(r.credits_nano) AS credits_nano, usage_sum(r.duration_us) AS duration_us, usage_sum(r.suspect_calls) AS suspect_calls, usage_sum(r.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(r.input_cost_nano) AS input_cost_nano, usage_sum(r.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(r.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(r.output_cost_nano) AS output_cost_nano, usage_sum(r.unpriced_input_tokens) AS unpriced_input_tokens, usage_sum(r.unpriced_output_tokens) AS unpriced_output_tokens, usage_sum(r.timed_calls) AS timed_calls, usage_sum(r.timed_output_tokens) AS timed_output_tokens, usage_sum(r.timed_output_us) AS timed_output_us, usage_sum(r.first_token_calls) AS first_token_calls, usage_sum(r.first_token_us) AS first_token_us, array_remove(array_agg(r.durations), NULL) AS durations, array_remove(array_agg(r.first_tokens), NULL) AS first_tokens FROM signed AS r
                     GROUP BY r.project, 2, source, model, provider, operation
                 ), usage_by_model_1h_sums AS MATERIALIZED (
                     SELECT r.project, date_bin('1 hour', r.bucket, '2000-01-01 00:00:00+00') AS bucket, source, model, provider, operation, usage_sum(r.calls) AS calls, usage_sum(r.failed_calls) AS failed_calls, usage_sum(r.unpriced_calls) AS unpriced_calls, usage_sum(r.unmeasured_calls) AS unmeasured_calls, usage_sum(r.input_tokens) AS input_tokens, usage_sum(r.output_tokens) AS output_tokens, usage_sum(r.cache_read_tokens) AS cache_read_tokens, usage_sum(r.cache_write_tokens) AS cache_write_tokens, usage_sum(r.reasoning_tokens) AS reasoning_tokens, usage_sum(r.cost_nano) AS cost_nano, sum(r.credits_nano) AS credits_nano, usage_sum(r.duration_us) AS duration_us, usage_sum(r.suspect_calls) AS suspect_calls, usage_sum(r.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(r.input_cost_nano) AS input_cost_nano, usage_sum(r.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(r.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(r.output_cost_nano) AS output_cost_nano, usage_sum(r.unpriced_input_tokens) AS unpriced_input_tokens, usage_sum(r.unpriced_output_tokens) AS unpriced_output_tokens, usage_sum(r.timed_calls) AS timed_calls, usage_sum(r.timed_output_tokens) AS timed_output_tokens, usage_sum(r.timed_output_us) AS timed_output_us, usage_sum(r.first_token_calls) AS first_token_calls, usage_sum(r.first_token_us) AS first_token_us, usage_entries(r.durations) AS durations, usage_entries(r.first_tokens) AS first_tokens FROM usage_by_model_15m_sums AS r
                     GROUP BY r.project, 2, source, model, provider, operation
                 ), usage_by_model_1d_sums AS MATERIALIZED (
                     SELECT r.project, date_bin('1 day', r.bucket, '2000-01-01 00:00:00+00') AS bucket, source, model, provider, operation, usage_sum(r.calls) AS calls, usage_sum(r.failed_calls) AS failed_calls, usage_sum(r.unpriced_calls) AS unpriced_calls, usage_sum(r.unmeasured_calls) AS unmeasured_calls, usage_sum(r.input_tokens) AS input_tokens, usage_sum(r.output_tokens) AS output_tokens, usage_sum(r.cache_read_tokens) AS cache_read_tokens, usage_sum(r.cache_write_tokens) AS cache_write_tokens, usage_sum(r.reasoning_tokens) AS reasoning_tokens, usage_sum(r.cost_nano) AS cost_nano, sum(r.credits_nano) AS credits_nano, usage_sum(r.duration_us) AS duration_us, usage_sum(r.suspect_calls) AS suspect_calls, usage_sum(r.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(r.input_cost_nano) AS input_cost_nano, usage_sum(r.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(r.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(r.output_cost_nano) AS output_cost_nano, usage_sum(r.unpriced_input_tokens) AS unpriced_input_tokens, usage_sum(r.unpriced_output_tokens) AS unpriced_output_tokens, usage_sum(r.timed_calls) AS timed_calls, usage_sum(r.timed_output_tokens) AS timed_output_tokens, usage_sum(r.timed_output_us) AS timed_output_us, usage_sum(r.first_token_calls) AS first_token_calls, usage_sum(r.first_token_us) AS first_token_us, usage_entries(r.durations) AS durations, usage_entries(r.first_tokens) AS first_tokens FROM usage_by_model_1h_sums AS r
                     GROUP BY r.project, 2, source, model, provider, operation
                 ), usage_by_agent_1h_sums AS MATERIALIZED (
                     SELECT r.project, date_bin('1 hour', r.bucket, '2000-01-01 00:00:00+00') AS bucket, agent, source, usage_sum(r.calls) AS calls, usage_sum(r.failed_calls) AS failed_calls, usage_sum(r.unpriced_calls) AS unpriced_calls, usage_sum(r.unmeasured_calls) AS unmeasured_calls, usage_sum(r.input_tokens) AS input_tokens, usage_sum(r.output_tokens) AS output_tokens, usage_sum(r.cache_read_tokens) AS cache_read_tokens, usage_sum(r.cache_write_tokens) AS cache_write_tokens, usage_sum(r.reasoning_tokens) AS reasoning_tokens, usage_sum(r.cost_nano) AS cost_nano, sum(r.credits_nano) AS credits_nano, usage_sum(r.duration_us) AS duration_us, usage_sum(r.suspect_calls) AS suspect_calls, usage_sum(r.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(r.input_cost_nano) AS input_cost_nano, usage_sum(r.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(r.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(r.output_cost_nano) AS output_cost_nano, usage_sum(r.unpriced_input_tokens) AS unpriced_input_tokens, usage_sum(r.unpriced_output_tokens) AS unpriced_output_tokens, usage_sum(r.timed_calls) AS timed_calls, usage_sum(r.timed_output_tokens) AS timed_output_tokens, usage_sum(r.timed_output_us) AS timed_output_us, usage_sum(r.first_token_calls) AS first_token_calls, usage_sum(r.first_token_us) AS first_token_us, array_remove(array_agg(r.durations), NULL) AS durations, array_remove(array_agg(r.first_tokens), NULL) AS first_tokens FROM signed AS r
                     GROUP BY r.project, 2, agent, source
                 ), usage_by_agent_1d_sums AS MATERIALIZED (
                     SELECT r.project, date_bin('1 day', r.bucket, '2000-01-01 00:00:00+00') AS bucket, agent, source, usage_sum(r.calls) AS calls, usage_sum(r.failed_calls) AS failed_calls, usage_sum(r.unpriced_calls) AS unpriced_calls, usage_sum(r.unmeasured_calls) AS unmeasured_calls, usage_sum(r.input_tokens) AS input_tokens, usage_sum(r.output_tokens) AS output_tokens, usage_sum(r.cache_read_tokens) AS cache_read_tokens, usage_sum(r.cache_write_tokens) AS cache_write_tokens, usage_sum(r.reasoning_tokens) AS reasoning_tokens, usage_sum(r.cost_nano) AS cost_nano, sum(r.credits_nano) AS credits_nano, usage_sum(r.duration_us) AS duration_us, usage_sum(r.suspect_calls) AS suspect_calls, usage_sum(r.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(r.input_cost_nano) AS input_cost_nano, usage_sum(r.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(r.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(r.output_cost_nano) AS output_cost_nano, usage_sum(r.unpriced_input_tokens) AS unpriced_input_tokens, usage_sum(r.unpriced_output_tokens) AS unpriced_output_tokens, usage_sum(r.timed_calls) AS timed_calls, usage_sum(r.timed_output_tokens) AS timed_output_tokens, usage_sum(r.timed_output_us) AS timed_output_us, usage_sum(r.first_token_calls) AS first_token_calls, usage_sum(r.first_token_us) AS first_token_us, usage_entries(r.durations) AS durations, usage_entries(r.first_tokens) AS first_tokens FROM usage_by_agent_1h_sums AS r
                     GROUP BY r.project, 2, agent, source
                 ), usage_by_conversation_1d_sums AS MATERIALIZED (
                     SELECT r.project, date_bin('1 day', r.bucket, '2000-01-01 00:00:00+00') AS bucket, conversation, agent, item_name, source, usage_sum(r.calls) AS calls, usage_sum(r.failed_calls) AS failed_calls, usage_sum(r.unpriced_calls) AS unpriced_calls, usage_sum(r.unmeasured_calls) AS unmeasured_calls, usage_sum(r.input_tokens) AS input_tokens, usage_sum(r.output_tokens) AS output_tokens, usage_sum(r.cache_read_tokens) AS cache_read_tokens, usage_sum(r.cache_write_tokens) AS cache_write_tokens, usage_sum(r.reasoning_tokens) AS reasoning_tokens, usage_sum(r.cost_nano) AS cost_nano, sum(r.credits_nano) AS credits_nano, usage_sum(r.duration_us) AS duration_us, usage_sum(r.suspect_calls) AS suspect_calls, usage_sum(r.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(r.input_cost_nano) AS input_cost_nano, usage_sum(r.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(r.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(r.output_cost_nano) AS output_cost_nano, usage_sum(r.unpriced_input_tokens) AS unpriced_input_tokens, usage_sum(r.unpriced_output_tokens) AS unpriced_output_tokens, usage_sum(r.timed_calls) AS timed_calls, usage_sum(r.timed_output_tokens) AS timed_output_tokens, usage_sum(r.timed_output_us) AS timed_output_us, usage_sum(r.first_token_calls) AS first_token_calls, usage_sum(r.first_token_us) AS first_token_us, array_remove(array_agg(r.durations), NULL) AS durations, array_remove(array_agg(r.first_tokens), NULL) AS first_tokens FROM signed AS r
                     GROUP BY r.project, 2, conversation, agent, item_name, source
                 ), usage_by_user_1d_sums AS MATERIALIZED (
                     SELECT r.project, date_bin('1 day', r.bucket, '2000-01-01 00:00:00+00') AS bucket, user_id, source, usage_sum(r.calls) AS calls, usage_sum(r.failed_calls) AS failed_calls, usage_sum(r.unpriced_calls) AS unpriced_calls, usage_sum(r.unmeasured_calls) AS unmeasured_calls, usage_sum(r.input_tokens) AS input_tokens, usage_sum(r.output_tokens) AS output_tokens, usage_sum(r.cache_read_tokens) AS cache_read_tokens, usage_sum(r.cache_write_tokens) AS cache_write_tokens, usage_sum(r.reasoning_tokens) AS reasoning_tokens, usage_sum(r.cost_nano) AS cost_nano, sum(r.credits_nano) AS credits_nano, usage_sum(r.duration_us) AS duration_us, usage_sum(r.suspect_calls) AS suspect_calls, usage_sum(r.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(r.input_cost_nano) AS input_cost_nano, usage_sum(r.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(r.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(r.output_cost_nano) AS output_cost_nano, usage_sum(r.unpriced_input_tokens) AS unpriced_input_tokens, usage_sum(r.unpriced_output_tokens) AS unpriced_output_tokens, usage_sum(r.timed_calls) AS timed_calls, usage_sum(r.timed_output_tokens) AS timed_output_tokens, usage_sum(r.timed_output_us) AS timed_output_us, usage_sum(r.first_token_calls) AS first_token_calls, usage_sum(r.first_token_us) AS first_token_us, array_remove(array_agg(r.durations), NULL) AS durations, array_remove(array_agg(r.first_tokens), NULL) AS first_tokens FROM signed AS r
                     GROUP BY r.project, 2, user_id, source
                 ), added_1 AS (INSERT INTO usage_by_model_15m AS kept (project, bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
                 SELECT r.project, r.bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens FROM usage_by_model_15m_sums AS r ORDER BY r.project, r.bucket, source, model, provider, operation
                 ON CONFLICT (project, bucket, source, model, provider, operation) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens)), added_2 AS (INSERT INTO usage_by_model_1h AS kept (project, bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
                 SELECT r.project, r.bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens FROM usage_by_model_1h_sums AS r ORDER BY r.project, r.bucket, source, model, provider, operation
                 ON CONFLICT (project, bucket, source, model, provider, operation) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens)), added_3 AS (INSERT INTO usage_by_model_1d AS kept (project, bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
                 SELECT r.project, r.bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens FROM usage_by_model_1d_sums AS r ORDER BY r.project, r.bucket, source, model, provider, operation
                 ON CONFLICT (project, bucket, source, model, provider, operation) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens)), added_4 AS (INSERT INTO usage_by_agent_1h AS kept (project, bucket, agent, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
                 SELECT r.project, r.bucket, agent, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens FROM usage_by_agent_1h_sums AS r ORDER BY r.project, r.bucket, agent, source
                 ON CONFLICT (project, bucket, agent, source) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens)), added_5 AS (INSERT INTO usage_by_agent_1d AS kept (project, bucket, agent, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
                 SELECT r.project, r.bucket, agent, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens FROM usage_by_agent_1d_sums AS r ORDER BY r.project, r.bucket, agent, source
                 ON CONFLICT (project, bucket, agent, source) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens)), added_6 AS (INSERT INTO usage_by_conversation_1d AS kept (project, bucket, conversation, agent, item_name, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
                 SELECT r.project, r.bucket, conversation, agent, item_name, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens FROM usage_by_conversation_1d_sums AS r ORDER BY r.project, r.bucket, conversation, agent, item_name, source
                 ON CONFLICT (project, bucket, conversation, agent, item_name, source) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens))
                 INSERT INTO usage_by_user_1d AS kept (project, bucket, user_id, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
                 SELECT r.project, r.bucket, user_id, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens FROM usage_by_user_1d_sums AS r ORDER BY r.project, r.bucket, user_id, source
                 ON CONFLICT (project, bucket, user_id, source) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens);
                 DELETE FROM usage_by_model_15m AS kept USING
                 (SELECT DISTINCT project, date_bin('15 minutes', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                 WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0; DELETE FROM usage_by_model_1h AS kept USING
                 (SELECT DISTINCT project, date_bin('1 hour', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                 WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0; DELETE FROM usage_by_model_1d AS kept USING
                 (SELECT DISTINCT project, date_bin('1 day', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                 WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0; DELETE FROM usage_by_agent_1h AS kept USING
                 (SELECT DISTINCT project, date_bin('1 hour', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                 WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0; DELETE FROM usage_by_agent_1d AS kept USING
                 (SELECT DISTINCT project, date_bin('1 day', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                 WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0; DELETE FROM usage_by_conversation_1d AS kept USING
                 (SELECT DISTINCT project, date_bin('1 day', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                 WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0; DELETE FROM usage_by_user_1d AS kept USING
                 (SELECT DISTINCT project, date_bin('1 day', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                 WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0;
                 RETURN NULL;
             END $function$

-- function usage_roll_up_insert
CREATE OR REPLACE FUNCTION usage_roll_up_insert()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
             BEGIN
                 WITH signed AS MATERIALIZED (
                     SELECT r.project, date_bin('15 minutes', r.started_at, '2000-01-01 00:00:00+00') AS bucket, r.source, coalesce(r.response_model, r.request_model) AS model, r.provider, r.operation, r.agent, r.conversation, CASE WHEN r.conversation IS NULL AND r.agent IS NULL THEN r.name END AS item_name, r.user_id, r.sign * (1) AS calls, r.sign * (r.failed::int) AS failed_calls, r.sign * ((r.cost_nano IS NULL)::int) AS unpriced_calls, r.sign * ((r.input_tokens IS NULL AND r.output_tokens IS NULL)::int) AS unmeasured_calls, r.sign * (coalesce(r.input_tokens, 0)) AS input_tokens, r.sign * (coalesce(r.output_tokens, 0)) AS output_tokens, r.sign * (coalesce(r.cache_read_tokens, 0)) AS cache_read_tokens, r.sign * (coalesce(r.cache_write_tokens, 0)) AS cache_write_tokens, r.sign * (coalesce(r.reasoning_tokens, 0)) AS reasoning_tokens, r.sign * (coalesce(r.cost_nano, 0)) AS cost_nano, r.sign * (r.credits_nano) AS credits_nano, r.sign * (r.duration_us) AS duration_us, r.sign * (r.suspect::int) AS suspect_calls, r.sign * (coalesce(r.cache_write_1h_tokens, 0)) AS cache_write_1h_tokens, r.sign * (coalesce(r.input_cost_nano, 0)) AS input_cost_nano, r.sign * (coalesce(r.cache_read_cost_nano, 0)) AS cache_read_cost_nano, r.sign * (coalesce(r.cache_write_cost_nano, 0)) AS cache_write_cost_nano, r.sign * (coalesce(r.output_cost_nano, 0)) AS output_cost_nano, r.sign * (CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END) AS unpriced_input_tokens, r.sign * (CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END) AS unpriced_output_tokens, r.sign * ((r.duration_us > 0)::int) AS timed_calls, r.sign * (CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END) AS timed_output_tokens, r.sign * (CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END) AS timed_output_us, r.sign * ((r.first_token_us IS NOT NULL)::int) AS first_token_calls, r.sign * (coalesce(r.first_token_us, 0)) AS first_token_us, (usage_time_class(nullif(r.duration_us, 0)) << 40) + r.sign AS durations, (usage_time_class(r.first_token_us) << 40) + r.sign AS first_tokens FROM (SELECT 1::bigint AS sign, added.* FROM added) AS r
                 ), usage_by_model_15m_sums AS MATERIALIZED (
                     SELECT r.project, date_bin('15 minutes', r.bucket, '2000-01-01 00:00:00+00') AS bucket, source, model, provider, operation, usage_sum(r.calls) AS calls, usage_sum(r.failed_calls) AS failed_calls, usage_sum(r.unpriced_calls) AS unpriced_calls, usage_sum(r.unmeasured_calls) AS unmeasured_calls, usage_sum(r.input_tokens) AS input_tokens, usage_sum(r.output_tokens) AS output_tokens, usage_sum(r.cache_read_tokens) AS cache_read_tokens, usage_sum(r.cache_write_tokens) AS cache_write_tokens, usage_sum(r.reasoning_tokens) AS reasoning_tokens, usage_sum(r.cost_nano) AS cost_nano, sum(r.credits_nano) AS credits_nano, usage_sum(r.duration_us) AS duration_us, usage_sum(r.suspect_calls) AS suspect_calls, usage_sum(r.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(r.input_cost_nano) AS input_cost_nano, usage_sum(r.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(r.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(r.output_cost_nano) AS output_cost_nano, usage_sum(r.unpriced_input_tokens) AS unpriced_input_tokens, usage_sum(r.unpriced_output_tokens) AS unpriced_output_tokens, usage_sum(r.timed_calls) AS timed_calls, usage_sum(r.timed_output_tokens) AS timed_output_tokens, usage_sum(r.timed_output_us) AS timed_output_us, usage_sum(r.first_token_calls) AS first_token_calls, usage_sum(r.first_token_us) AS first_token_us, array_remove(array_agg(r.durations), NULL) AS durations, array_remove(array_agg(r.first_tokens), NULL) AS first_tokens FROM signed AS r
                     GROUP BY r.project, 2, source, model, provider, operation
                 ), usage_by_model_1h_sums AS MATERIALIZED (
                     SELECT r.project, date_bin('1 hour', r.bucket, '2000-01-01 00:00:00+00') AS bucket, source, model, provider, operation, usage_sum(r.calls) AS calls, usage_sum(r.failed_calls) AS failed_calls, usage_sum(r.unpriced_calls) AS unpriced_calls, usage_sum(r.unmeasured_calls) AS unmeasured_calls, usage_sum(r.input_tokens) AS input_tokens, usage_sum(r.output_tokens) AS output_tokens, usage_sum(r.cache_read_tokens) AS cache_read_tokens, usage_sum(r.cache_write_tokens) AS cache_write_tokens, usage_sum(r.reasoning_tokens) AS reasoning_tokens, usage_sum(r.cost_nano) AS cost_nano, sum(r.credits_nano) AS credits_nano, usage_sum(r.duration_us) AS duration_us, usage_sum(r.suspect_calls) AS suspect_calls, usage_sum(r.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(r.input_cost_nano) AS input_cost_nano, usage_sum(r.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(r.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(r.output_cost_nano) AS output_cost_nano, usage_sum(r.unpriced_input_tokens) AS unpriced_input_tokens, usage_sum(r.unpriced_output_tokens) AS unpriced_output_tokens, usage_sum(r.timed_calls) AS timed_calls, usage_sum(r.timed_output_tokens) AS timed_output_tokens, usage_sum(r.timed_output_us) AS timed_output_us, usage_sum(r.first_token_calls) AS first_token_calls, usage_sum(r.first_token_us) AS first_token_us, usage_entries(r.durations) AS durations, usage_entries(r.first_tokens) AS first_tokens FROM usage_by_model_15m_sums AS r
                     GROUP BY r.project, 2, source, model, provider, operation
                 ), usage_by_model_1d_sums AS MATERIALIZED (
                     SELECT r.project, date_bin('1 day', r.bucket, '2000-01-01 00:00:00+00') AS bucket, source, model, provider, operation, usage_sum(r.calls) AS calls, usage_sum(r.failed_calls) AS failed_calls, usage_sum(r.unpriced_calls) AS unpriced_calls, usage_sum(r.unmeasured_calls) AS unmeasured_calls, usage_sum(r.input_tokens) AS input_tokens, usage_sum(r.output_tokens) AS output_tokens, usage_sum(r.cache_read_tokens) AS cache_read_tokens, usage_sum(r.cache_write_tokens) AS cache_write_tokens, usage_sum(r.reasoning_tokens) AS reasoning_tokens, usage_sum(r.cost_nano) AS cost_nano, sum(r.credits_nano) AS credits_nano, usage_sum(r.duration_us) AS duration_us, usage_sum(r.suspect_calls) AS suspect_calls, usage_sum(r.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(r.input_cost_nano) AS input_cost_nano, usage_sum(r.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(r.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(r.output_cost_nano) AS output_cost_nano, usage_sum(r.unpriced_input_tokens) AS unpriced_input_tokens, usage_sum(r.unpriced_output_tokens) AS unpriced_output_tokens, usage_sum(r.timed_calls) AS timed_calls, usage_sum(r.timed_output_tokens) AS timed_output_tokens, usage_sum(r.timed_output_us) AS timed_output_us, usage_sum(r.first_token_calls) AS first_token_calls, usage_sum(r.first_token_us) AS first_token_us, usage_entries(r.durations) AS durations, usage_entries(r.first_tokens) AS first_tokens FROM usage_by_model_1h_sums AS r
                     GROUP BY r.project, 2, source, model, provider, operation
                 ), usage_by_agent_1h_sums AS MATERIALIZED (
                     SELECT r.project, date_bin('1 hour', r.bucket, '2000-01-01 00:00:00+00') AS bucket, agent, source, usage_sum(r.calls) AS calls, usage_sum(r.failed_calls) AS failed_calls, usage_sum(r.unpriced_calls) AS unpriced_calls, usage_sum(r.unmeasured_calls) AS unmeasured_calls, usage_sum(r.input_tokens) AS input_tokens, usage_sum(r.output_tokens) AS output_tokens, usage_sum(r.cache_read_tokens) AS cache_read_tokens, usage_sum(r.cache_write_tokens) AS cache_write_tokens, usage_sum(r.reasoning_tokens) AS reasoning_tokens, usage_sum(r.cost_nano) AS cost_nano, sum(r.credits_nano) AS credits_nano, usage_sum(r.duration_us) AS duration_us, usage_sum(r.suspect_calls) AS suspect_calls, usage_sum(r.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(r.input_cost_nano) AS input_cost_nano, usage_sum(r.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(r.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(r.output_cost_nano) AS output_cost_nano, usage_sum(r.unpriced_input_tokens) AS unpriced_input_tokens, usage_sum(r.unpriced_output_tokens) AS unpriced_output_tokens, usage_sum(r.timed_calls) AS timed_calls, usage_sum(r.timed_output_tokens) AS timed_output_tokens, usage_sum(r.timed_output_us) AS timed_output_us, usage_sum(r.first_token_calls) AS first_token_calls, usage_sum(r.first_token_us) AS first_token_us, array_remove(array_agg(r.durations), NULL) AS durations, array_remove(array_agg(r.first_tokens), NULL) AS first_tokens FROM signed AS r
                     GROUP BY r.project, 2, agent, source
                 ), usage_by_agent_1d_sums AS MATERIALIZED (
                     SELECT r.project, date_bin('1 day', r.bucket, '2000-01-01 00:00:00+00') AS bucket, agent, source, usage_sum(r.calls) AS calls, usage_sum(r.failed_calls) AS failed_calls, usage_sum(r.unpriced_calls) AS unpriced_calls, usage_sum(r.unmeasured_calls) AS unmeasured_calls, usage_sum(r.input_tokens) AS input_tokens, usage_sum(r.output_tokens) AS output_tokens, usage_sum(r.cache_read_tokens) AS cache_read_tokens, usage_sum(r.cache_write_tokens) AS cache_write_tokens, usage_sum(r.reasoning_tokens) AS reasoning_tokens, usage_sum(r.cost_nano) AS cost_nano, sum(r.credits_nano) AS credits_nano, usage_sum(r.duration_us) AS duration_us, usage_sum(r.suspect_calls) AS suspect_calls, usage_sum(r.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(r.input_cost_nano) AS input_cost_nano, usage_sum(r.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(r.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(r.output_cost_nano) AS output_cost_nano, usage_sum(r.unpriced_input_tokens) AS unpriced_input_tokens, usage_sum(r.unpriced_output_tokens) AS unpriced_output_tokens, usage_sum(r.timed_calls) AS timed_calls, usage_sum(r.timed_output_tokens) AS timed_output_tokens, usage_sum(r.timed_output_us) AS timed_output_us, usage_sum(r.first_token_calls) AS first_token_calls, usage_sum(r.first_token_us) AS first_token_us, usage_entries(r.durations) AS durations, usage_entries(r.first_tokens) AS first_tokens FROM usage_by_agent_1h_sums AS r
                     GROUP BY r.project, 2, agent, source
                 ), usage_by_conversation_1d_sums AS MATERIALIZED (
                     SELECT r.project, date_bin('1 day', r.bucket, '2000-01-01 00:00:00+00') AS bucket, conversation, agent, item_name, source, usage_sum(r.calls) AS calls, usage_sum(r.failed_calls) AS failed_calls, usage_sum(r.unpriced_calls) AS unpriced_calls, usage_sum(r.unmeasured_calls) AS unmeasured_calls, usage_sum(r.input_tokens) AS input_tokens, usage_sum(r.output_tokens) AS output_tokens, usage_sum(r.cache_read_tokens) AS cache_read_tokens, usage_sum(r.cache_write_tokens) AS cache_write_tokens, usage_sum(r.reasoning_tokens) AS reasoning_tokens, usage_sum(r.cost_nano) AS cost_nano, sum(r.credits_nano) AS credits_nano, usage_sum(r.duration_us) AS duration_us, usage_sum(r.suspect_calls) AS suspect_calls, usage_sum(r.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(r.input_cost_nano) AS input_cost_nano, usage_sum(r.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(r.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(r.output_cost_nano) AS output_cost_nano, usage_sum(r.unpriced_input_tokens) AS unpriced_input_tokens, usage_sum(r.unpriced_output_tokens) AS unpriced_output_tokens, usage_sum(r.timed_calls) AS timed_calls, usage_sum(r.timed_output_tokens) AS timed_output_tokens, usage_sum(r.timed_output_us) AS timed_output_us, usage_sum(r.first_token_calls) AS first_token_calls, usage_sum(r.first_token_us) AS first_token_us, array_remove(array_agg(r.durations), NULL) AS durations, array_remove(array_agg(r.first_tokens), NULL) AS first_tokens FROM signed AS r
                     GROUP BY r.project, 2, conversation, agent, item_name, source
                 ), usage_by_user_1d_sums AS MATERIALIZED (
                     SELECT r.project, date_bin('1 day', r.bucket, '2000-01-01 00:00:00+00') AS bucket, user_id, source, usage_sum(r.calls) AS calls, usage_sum(r.failed_calls) AS failed_calls, usage_sum(r.unpriced_calls) AS unpriced_calls, usage_sum(r.unmeasured_calls) AS unmeasured_calls, usage_sum(r.input_tokens) AS input_tokens, usage_sum(r.output_tokens) AS output_tokens, usage_sum(r.cache_read_tokens) AS cache_read_tokens, usage_sum(r.cache_write_tokens) AS cache_write_tokens, usage_sum(r.reasoning_tokens) AS reasoning_tokens, usage_sum(r.cost_nano) AS cost_nano, sum(r.credits_nano) AS credits_nano, usage_sum(r.duration_us) AS duration_us, usage_sum(r.suspect_calls) AS suspect_calls, usage_sum(r.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(r.input_cost_nano) AS input_cost_nano, usage_sum(r.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(r.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(r.output_cost_nano) AS output_cost_nano, usage_sum(r.unpriced_input_tokens) AS unpriced_input_tokens, usage_sum(r.unpriced_output_tokens) AS unpriced_output_tokens, usage_sum(r.timed_calls) AS timed_calls, usage_sum(r.timed_output_tokens) AS timed_output_tokens, usage_sum(r.timed_output_us) AS timed_output_us, usage_sum(r.first_token_calls) AS first_token_calls, usage_sum(r.first_token_us) AS first_token_us, array_remove(array_agg(r.durations), NULL) AS durations, array_remove(array_agg(r.first_tokens), NULL) AS first_tokens FROM signed AS r
                     GROUP BY r.project, 2, user_id, source
                 ), added_1 AS (INSERT INTO usage_by_model_15m AS kept (project, bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
                 SELECT r.project, r.bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens FROM usage_by_model_15m_sums AS r ORDER BY r.project, r.bucket, source, model, provider, operation
                 ON CONFLICT (project, bucket, source, model, provider, operation) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens)), added_2 AS (INSERT INTO usage_by_model_1h AS kept (project, bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
                 SELECT r.project, r.bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens FROM usage_by_model_1h_sums AS r ORDER BY r.project, r.bucket, source, model, provider, operation
                 ON CONFLICT (project, bucket, source, model, provider, operation) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens)), added_3 AS (INSERT INTO usage_by_model_1d AS kept (project, bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
                 SELECT r.project, r.bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens FROM usage_by_model_1d_sums AS r ORDER BY r.project, r.bucket, source, model, provider, operation
                 ON CONFLICT (project, bucket, source, model, provider, operation) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens)), added_4 AS (INSERT INTO usage_by_agent_1h AS kept (project, bucket, agent, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
                 SELECT r.project, r.bucket, agent, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens FROM usage_by_agent_1h_sums AS r ORDER BY r.project, r.bucket, agent, source
                 ON CONFLICT (project, bucket, agent, source) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens)), added_5 AS (INSERT INTO usage_by_agent_1d AS kept (project, bucket, agent, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
                 SELECT r.project, r.bucket, agent, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens FROM usage_by_agent_1d_sums AS r ORDER BY r.project, r.bucket, agent, source
                 ON CONFLICT (project, bucket, agent, source) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens)), added_6 AS (INSERT INTO usage_by_conversation_1d AS kept (project, bucket, conversation, agent, item_name, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
                 SELECT r.project, r.bucket, conversation, agent, item_name, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens FROM usage_by_conversation_1d_sums AS r ORDER BY r.project, r.bucket, conversation, agent, item_name, source
                 ON CONFLICT (project, bucket, conversation, agent, item_name, source) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens))
                 INSERT INTO usage_by_user_1d AS kept (project, bucket, user_id, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
                 SELECT r.project, r.bucket, user_id, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens FROM usage_by_user_1d_sums AS r ORDER BY r.project, r.bucket, user_id, source
                 ON CONFLICT (project, bucket, user_id, source) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens);

                 RETURN NULL;
             END $function$

-- function usage_roll_up_update
CREATE OR REPLACE FUNCTION usage_roll_up_update()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
             BEGIN
                 WITH signed AS MATERIALIZED (
                     SELECT r.project, date_bin('15 minutes', r.started_at, '2000-01-01 00:00:00+00') AS bucket, r.source, coalesce(r.response_model, r.request_model) AS model, r.provider, r.operation, r.agent, r.conversation, CASE WHEN r.conversation IS NULL AND r.agent IS NULL THEN r.name END AS item_name, r.user_id, r.sign * (1) AS calls, r.sign * (r.failed::int) AS failed_calls, r.sign * ((r.cost_nano IS NULL)::int) AS unpriced_calls, r.sign * ((r.input_tokens IS NULL AND r.output_tokens IS NULL)::int) AS unmeasured_calls, r.sign * (coalesce(r.input_tokens, 0)) AS input_tokens, r.sign * (coalesce(r.output_tokens, 0)) AS output_tokens, r.sign * (coalesce(r.cache_read_tokens, 0)) AS cache_read_tokens, r.sign * (coalesce(r.cache_write_tokens, 0)) AS cache_write_tokens, r.sign * (coalesce(r.reasoning_tokens, 0)) AS reasoning_tokens, r.sign * (coalesce(r.cost_nano, 0)) AS cost_nano, r.sign * (r.credits_nano) AS credits_nano, r.sign * (r.duration_us) AS duration_us, r.sign * (r.suspect::int) AS suspect_calls, r.sign * (coalesce(r.cache_write_1h_tokens, 0)) AS cache_write_1h_tokens, r.sign * (coalesce(r.input_cost_nano, 0)) AS input_cost_nano, r.sign * (coalesce(r.cache_read_cost_nano, 0)) AS cache_read_cost_nano, r.sign * (coalesce(r.cache_write_cost_nano, 0)) AS cache_write_cost_nano, r.sign * (coalesce(r.output_cost_nano, 0)) AS output_cost_nano, r.sign * (CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END) AS unpriced_input_tokens, r.sign * (CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END) AS unpriced_output_tokens, r.sign * ((r.duration_us > 0)::int) AS timed_calls, r.sign * (CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END) AS timed_output_tokens, r.sign * (CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END) AS timed_output_us, r.sign * ((r.first_token_us IS NOT NULL)::int) AS first_token_calls, r.sign * (coalesce(r.first_token_us, 0)) AS first_token_us, (usage_time_class(nullif(r.duration_us, 0)) << 40) + r.sign AS durations, (usage_time_class(r.first_token_us) << 40) + r.sign AS first_tokens FROM (SELECT 1::bigint AS sign, added.* FROM added UNION ALL SELECT -1::bigint AS sign, removed.* FROM removed) AS r
                 ), usage_by_model_15m_sums AS MATERIALIZED (
                     SELECT r.project, date_bin('15 minutes', r.bucket, '2000-01-01 00:00:00+00') AS bucket, source, model, provider, operation, usage_sum(r.calls) AS calls, usage_sum(r.failed_calls) AS failed_calls, usage_sum(r.unpriced_calls) AS unpriced_calls, usage_sum(r.unmeasured_calls) AS unmeasured_calls, usage_sum(r.input_tokens) AS input_tokens, usage_sum(r.output_tokens) AS output_tokens, usage_sum(r.cache_read_tokens) AS cache_read_tokens, usage_sum(r.cache_write_tokens) AS cache_write_tokens, usage_sum(r.reasoning_tokens) AS reasoning_tokens, usage_sum(r.cost_nano) AS cost_nano, sum(r.credits_nano) AS credits_nano, usage_sum(r.duration_us) AS duration_us, usage_sum(r.suspect_calls) AS suspect_calls, usage_sum(r.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(r.input_cost_nano) AS input_cost_nano, usage_sum(r.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(r.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(r.output_cost_nano) AS output_cost_nano, usage_sum(r.unpriced_input_tokens) AS unpriced_input_tokens, usage_sum(r.unpriced_output_tokens) AS unpriced_output_tokens, usage_sum(r.timed_calls) AS timed_calls, usage_sum(r.timed_output_tokens) AS timed_output_tokens, usage_sum(r.timed_output_us) AS timed_output_us, usage_sum(r.first_token_calls) AS first_token_calls, usage_sum(r.first_token_us) AS first_token_us, array_remove(array_agg(r.durations), NULL) AS durations, array_remove(array_agg(r.first_tokens), NULL) AS first_tokens FROM signed AS r
                     GROUP BY r.project, 2, source, model, provider, operation
                 ), usage_by_model_1h_sums AS MATERIALIZED (
                     SELECT r.project, date_bin('1 hour', r.bucket, '2000-01-01 00:00:00+00') AS bucket, source, model, provider, operation, usage_sum(r.calls) AS calls, usage_sum(r.failed_calls) AS failed_calls, usage_sum(r.unpriced_calls) AS unpriced_calls, usage_sum(r.unmeasured_calls) AS unmeasured_calls, usage_sum(r.input_tokens) AS input_tokens, usage_sum(r.output_tokens) AS output_tokens, usage_sum(r.cache_read_tokens) AS cache_read_tokens, usage_sum(r.cache_write_tokens) AS cache_write_tokens, usage_sum(r.reasoning_tokens) AS reasoning_tokens, usage_sum(r.cost_nano) AS cost_nano, sum(r.credits_nano) AS credits_nano, usage_sum(r.duration_us) AS duration_us, usage_sum(r.suspect_calls) AS suspect_calls, usage_sum(r.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(r.input_cost_nano) AS input_cost_nano, usage_sum(r.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(r.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(r.output_cost_nano) AS output_cost_nano, usage_sum(r.unpriced_input_tokens) AS unpriced_input_tokens, usage_sum(r.unpriced_output_tokens) AS unpriced_output_tokens, usage_sum(r.timed_calls) AS timed_calls, usage_sum(r.timed_output_tokens) AS timed_output_tokens, usage_sum(r.timed_output_us) AS timed_output_us, usage_sum(r.first_token_calls) AS first_token_calls, usage_sum(r.first_token_us) AS first_token_us, usage_entries(r.durations) AS durations, usage_entries(r.first_tokens) AS first_tokens FROM usage_by_model_15m_sums AS r
                     GROUP BY r.project, 2, source, model, provider, operation
                 ), usage_by_model_1d_sums AS MATERIALIZED (
                     SELECT r.project, date_bin('1 day', r.bucket, '2000-01-01 00:00:00+00') AS bucket, source, model, provider, operation, usage_sum(r.calls) AS calls, usage_sum(r.failed_calls) AS failed_calls, usage_sum(r.unpriced_calls) AS unpriced_calls, usage_sum(r.unmeasured_calls) AS unmeasured_calls, usage_sum(r.input_tokens) AS input_tokens, usage_sum(r.output_tokens) AS output_tokens, usage_sum(r.cache_read_tokens) AS cache_read_tokens, usage_sum(r.cache_write_tokens) AS cache_write_tokens, usage_sum(r.reasoning_tokens) AS reasoning_tokens, usage_sum(r.cost_nano) AS cost_nano, sum(r.credits_nano) AS credits_nano, usage_sum(r.duration_us) AS duration_us, usage_sum(r.suspect_calls) AS suspect_calls, usage_sum(r.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(r.input_cost_nano) AS input_cost_nano, usage_sum(r.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(r.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(r.output_cost_nano) AS output_cost_nano, usage_sum(r.unpriced_input_tokens) AS unpriced_input_tokens, usage_sum(r.unpriced_output_tokens) AS unpriced_output_tokens, usage_sum(r.timed_calls) AS timed_calls, usage_sum(r.timed_output_tokens) AS timed_output_tokens, usage_sum(r.timed_output_us) AS timed_output_us, usage_sum(r.first_token_calls) AS first_token_calls, usage_sum(r.first_token_us) AS first_token_us, usage_entries(r.durations) AS durations, usage_entries(r.first_tokens) AS first_tokens FROM usage_by_model_1h_sums AS r
                     GROUP BY r.project, 2, source, model, provider, operation
                 ), usage_by_agent_1h_sums AS MATERIALIZED (
                     SELECT r.project, date_bin('1 hour', r.bucket, '2000-01-01 00:00:00+00') AS bucket, agent, source, usage_sum(r.calls) AS calls, usage_sum(r.failed_calls) AS failed_calls, usage_sum(r.unpriced_calls) AS unpriced_calls, usage_sum(r.unmeasured_calls) AS unmeasured_calls, usage_sum(r.input_tokens) AS input_tokens, usage_sum(r.output_tokens) AS output_tokens, usage_sum(r.cache_read_tokens) AS cache_read_tokens, usage_sum(r.cache_write_tokens) AS cache_write_tokens, usage_sum(r.reasoning_tokens) AS reasoning_tokens, usage_sum(r.cost_nano) AS cost_nano, sum(r.credits_nano) AS credits_nano, usage_sum(r.duration_us) AS duration_us, usage_sum(r.suspect_calls) AS suspect_calls, usage_sum(r.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(r.input_cost_nano) AS input_cost_nano, usage_sum(r.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(r.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(r.output_cost_nano) AS output_cost_nano, usage_sum(r.unpriced_input_tokens) AS unpriced_input_tokens, usage_sum(r.unpriced_output_tokens) AS unpriced_output_tokens, usage_sum(r.timed_calls) AS timed_calls, usage_sum(r.timed_output_tokens) AS timed_output_tokens, usage_sum(r.timed_output_us) AS timed_output_us, usage_sum(r.first_token_calls) AS first_token_calls, usage_sum(r.first_token_us) AS first_token_us, array_remove(array_agg(r.durations), NULL) AS durations, array_remove(array_agg(r.first_tokens), NULL) AS first_tokens FROM signed AS r
                     GROUP BY r.project, 2, agent, source
                 ), usage_by_agent_1d_sums AS MATERIALIZED (
                     SELECT r.project, date_bin('1 day', r.bucket, '2000-01-01 00:00:00+00') AS bucket, agent, source, usage_sum(r.calls) AS calls, usage_sum(r.failed_calls) AS failed_calls, usage_sum(r.unpriced_calls) AS unpriced_calls, usage_sum(r.unmeasured_calls) AS unmeasured_calls, usage_sum(r.input_tokens) AS input_tokens, usage_sum(r.output_tokens) AS output_tokens, usage_sum(r.cache_read_tokens) AS cache_read_tokens, usage_sum(r.cache_write_tokens) AS cache_write_tokens, usage_sum(r.reasoning_tokens) AS reasoning_tokens, usage_sum(r.cost_nano) AS cost_nano, sum(r.credits_nano) AS credits_nano, usage_sum(r.duration_us) AS duration_us, usage_sum(r.suspect_calls) AS suspect_calls, usage_sum(r.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(r.input_cost_nano) AS input_cost_nano, usage_sum(r.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(r.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(r.output_cost_nano) AS output_cost_nano, usage_sum(r.unpriced_input_tokens) AS unpriced_input_tokens, usage_sum(r.unpriced_output_tokens) AS unpriced_output_tokens, usage_sum(r.timed_calls) AS timed_calls, usage_sum(r.timed_output_tokens) AS timed_output_tokens, usage_sum(r.timed_output_us) AS timed_output_us, usage_sum(r.first_token_calls) AS first_token_calls, usage_sum(r.first_token_us) AS first_token_us, usage_entries(r.durations) AS durations, usage_entries(r.first_tokens) AS first_tokens FROM usage_by_agent_1h_sums AS r
                     GROUP BY r.project, 2, agent, source
                 ), usage_by_conversation_1d_sums AS MATERIALIZED (
                     SELECT r.project, date_bin('1 day', r.bucket, '2000-01-01 00:00:00+00') AS bucket, conversation, agent, item_name, source, usage_sum(r.calls) AS calls, usage_sum(r.failed_calls) AS failed_calls, usage_sum(r.unpriced_calls) AS unpriced_calls, usage_sum(r.unmeasured_calls) AS unmeasured_calls, usage_sum(r.input_tokens) AS input_tokens, usage_sum(r.output_tokens) AS output_tokens, usage_sum(r.cache_read_tokens) AS cache_read_tokens, usage_sum(r.cache_write_tokens) AS cache_write_tokens, usage_sum(r.reasoning_tokens) AS reasoning_tokens, usage_sum(r.cost_nano) AS cost_nano, sum(r.credits_nano) AS credits_nano, usage_sum(r.duration_us) AS duration_us, usage_sum(r.suspect_calls) AS suspect_calls, usage_sum(r.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(r.input_cost_nano) AS input_cost_nano, usage_sum(r.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(r.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(r.output_cost_nano) AS output_cost_nano, usage_sum(r.unpriced_input_tokens) AS unpriced_input_tokens, usage_sum(r.unpriced_output_tokens) AS unpriced_output_tokens, usage_sum(r.timed_calls) AS timed_calls, usage_sum(r.timed_output_tokens) AS timed_output_tokens, usage_sum(r.timed_output_us) AS timed_output_us, usage_sum(r.first_token_calls) AS first_token_calls, usage_sum(r.first_token_us) AS first_token_us, array_remove(array_agg(r.durations), NULL) AS durations, array_remove(array_agg(r.first_tokens), NULL) AS first_tokens FROM signed AS r
                     GROUP BY r.project, 2, conversation, agent, item_name, source
                 ), usage_by_user_1d_sums AS MATERIALIZED (
                     SELECT r.project, date_bin('1 day', r.bucket, '2000-01-01 00:00:00+00') AS bucket, user_id, source, usage_sum(r.calls) AS calls, usage_sum(r.failed_calls) AS failed_calls, usage_sum(r.unpriced_calls) AS unpriced_calls, usage_sum(r.unmeasured_calls) AS unmeasured_calls, usage_sum(r.input_tokens) AS input_tokens, usage_sum(r.output_tokens) AS output_tokens, usage_sum(r.cache_read_tokens) AS cache_read_tokens, usage_sum(r.cache_write_tokens) AS cache_write_tokens, usage_sum(r.reasoning_tokens) AS reasoning_tokens, usage_sum(r.cost_nano) AS cost_nano, sum(r.credits_nano) AS credits_nano, usage_sum(r.duration_us) AS duration_us, usage_sum(r.suspect_calls) AS suspect_calls, usage_sum(r.cache_write_1h_tokens) AS cache_write_1h_tokens, usage_sum(r.input_cost_nano) AS input_cost_nano, usage_sum(r.cache_read_cost_nano) AS cache_read_cost_nano, usage_sum(r.cache_write_cost_nano) AS cache_write_cost_nano, usage_sum(r.output_cost_nano) AS output_cost_nano, usage_sum(r.unpriced_input_tokens) AS unpriced_input_tokens, usage_sum(r.unpriced_output_tokens) AS unpriced_output_tokens, usage_sum(r.timed_calls) AS timed_calls, usage_sum(r.timed_output_tokens) AS timed_output_tokens, usage_sum(r.timed_output_us) AS timed_output_us, usage_sum(r.first_token_calls) AS first_token_calls, usage_sum(r.first_token_us) AS first_token_us, array_remove(array_agg(r.durations), NULL) AS durations, array_remove(array_agg(r.first_tokens), NULL) AS first_tokens FROM signed AS r
                     GROUP BY r.project, 2, user_id, source
                 ), added_1 AS (INSERT INTO usage_by_model_15m AS kept (project, bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
                 SELECT r.project, r.bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens FROM usage_by_model_15m_sums AS r ORDER BY r.project, r.bucket, source, model, provider, operation
                 ON CONFLICT (project, bucket, source, model, provider, operation) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens)), added_2 AS (INSERT INTO usage_by_model_1h AS kept (project, bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
                 SELECT r.project, r.bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens FROM usage_by_model_1h_sums AS r ORDER BY r.project, r.bucket, source, model, provider, operation
                 ON CONFLICT (project, bucket, source, model, provider, operation) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens)), added_3 AS (INSERT INTO usage_by_model_1d AS kept (project, bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
                 SELECT r.project, r.bucket, source, model, provider, operation, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens FROM usage_by_model_1d_sums AS r ORDER BY r.project, r.bucket, source, model, provider, operation
                 ON CONFLICT (project, bucket, source, model, provider, operation) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens)), added_4 AS (INSERT INTO usage_by_agent_1h AS kept (project, bucket, agent, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
                 SELECT r.project, r.bucket, agent, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens FROM usage_by_agent_1h_sums AS r ORDER BY r.project, r.bucket, agent, source
                 ON CONFLICT (project, bucket, agent, source) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens)), added_5 AS (INSERT INTO usage_by_agent_1d AS kept (project, bucket, agent, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
                 SELECT r.project, r.bucket, agent, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens FROM usage_by_agent_1d_sums AS r ORDER BY r.project, r.bucket, agent, source
                 ON CONFLICT (project, bucket, agent, source) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens)), added_6 AS (INSERT INTO usage_by_conversation_1d AS kept (project, bucket, conversation, agent, item_name, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
                 SELECT r.project, r.bucket, conversation, agent, item_name, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens FROM usage_by_conversation_1d_sums AS r ORDER BY r.project, r.bucket, conversation, agent, item_name, source
                 ON CONFLICT (project, bucket, conversation, agent, item_name, source) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens))
                 INSERT INTO usage_by_user_1d AS kept (project, bucket, user_id, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens)
                 SELECT r.project, r.bucket, user_id, source, calls, failed_calls, unpriced_calls, unmeasured_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_nano, credits_nano, duration_us, suspect_calls, cache_write_1h_tokens, input_cost_nano, cache_read_cost_nano, cache_write_cost_nano, output_cost_nano, unpriced_input_tokens, unpriced_output_tokens, timed_calls, timed_output_tokens, timed_output_us, first_token_calls, first_token_us, durations, first_tokens FROM usage_by_user_1d_sums AS r ORDER BY r.project, r.bucket, user_id, source
                 ON CONFLICT (project, bucket, user_id, source) DO UPDATE SET calls = kept.calls + excluded.calls, failed_calls = kept.failed_calls + excluded.failed_calls, unpriced_calls = kept.unpriced_calls + excluded.unpriced_calls, unmeasured_calls = kept.unmeasured_calls + excluded.unmeasured_calls, input_tokens = kept.input_tokens + excluded.input_tokens, output_tokens = kept.output_tokens + excluded.output_tokens, cache_read_tokens = kept.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = kept.cache_write_tokens + excluded.cache_write_tokens, reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens, cost_nano = kept.cost_nano + excluded.cost_nano, credits_nano = kept.credits_nano + excluded.credits_nano, duration_us = kept.duration_us + excluded.duration_us, suspect_calls = kept.suspect_calls + excluded.suspect_calls, cache_write_1h_tokens = kept.cache_write_1h_tokens + excluded.cache_write_1h_tokens, input_cost_nano = kept.input_cost_nano + excluded.input_cost_nano, cache_read_cost_nano = kept.cache_read_cost_nano + excluded.cache_read_cost_nano, cache_write_cost_nano = kept.cache_write_cost_nano + excluded.cache_write_cost_nano, output_cost_nano = kept.output_cost_nano + excluded.output_cost_nano, unpriced_input_tokens = kept.unpriced_input_tokens + excluded.unpriced_input_tokens, unpriced_output_tokens = kept.unpriced_output_tokens + excluded.unpriced_output_tokens, timed_calls = kept.timed_calls + excluded.timed_calls, timed_output_tokens = kept.timed_output_tokens + excluded.timed_output_tokens, timed_output_us = kept.timed_output_us + excluded.timed_output_us, first_token_calls = kept.first_token_calls + excluded.first_token_calls, first_token_us = kept.first_token_us + excluded.first_token_us, durations = usage_histogram_plus(kept.durations, excluded.durations), first_tokens = usage_histogram_plus(kept.first_tokens, excluded.first_tokens);
                 DELETE FROM usage_by_model_15m AS kept USING
                 (SELECT DISTINCT project, date_bin('15 minutes', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                 WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0; DELETE FROM usage_by_model_1h AS kept USING
                 (SELECT DISTINCT project, date_bin('1 hour', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                 WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0; DELETE FROM usage_by_model_1d AS kept USING
                 (SELECT DISTINCT project, date_bin('1 day', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                 WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0; DELETE FROM usage_by_agent_1h AS kept USING
                 (SELECT DISTINCT project, date_bin('1 hour', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                 WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0; DELETE FROM usage_by_agent_1d AS kept USING
                 (SELECT DISTINCT project, date_bin('1 day', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                 WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0; DELETE FROM usage_by_conversation_1d AS kept USING
                 (SELECT DISTINCT project, date_bin('1 day', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                 WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0; DELETE FROM usage_by_user_1d AS kept USING
                 (SELECT DISTINCT project, date_bin('1 day', started_at, '2000-01-01 00:00:00+00') AS bucket FROM removed) AS touched
                 WHERE kept.project = touched.project AND kept.bucket = touched.bucket AND kept.calls = 0;
                 RETURN NULL;
             END $function$

-- function usage_rollup_table
CREATE OR REPLACE FUNCTION usage_rollup_table(rollup text)
 RETURNS regclass
 LANGUAGE sql
 STABLE
AS $function$
    SELECT rollup::regclass
$function$

-- function usage_search_key
CREATE OR REPLACE FUNCTION usage_search_key(project text, name text, agent text, conversation text, user_id text, request_model text, response_model text)
 RETURNS uuid
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN (md5(((project || ''::text) || usage_search_text(name, agent, conversation, user_id, request_model, response_model))))::uuid

-- function usage_search_text
CREATE OR REPLACE FUNCTION usage_search_text(name text, agent text, conversation text, user_id text, request_model text, response_model text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN ((((((((COALESCE(name, ''::text) || ''::text) || COALESCE(agent, ''::text)) || ''::text) || COALESCE(conversation, ''::text)) || ''::text) || COALESCE(user_id, ''::text)) || ''::text) || COALESCE(response_model, request_model, ''::text))

-- function usage_settle
CREATE OR REPLACE PROCEDURE usage_settle(IN quiet interval)
 LANGUAGE plpgsql
AS $procedure$
DECLARE
    origin constant timestamptz := '2000-01-01 00:00:00+00';
    over constant timestamptz := usage_over(clock_timestamp());
    owner text;
    start timestamptz; -- what is settled until now, and what will be after the next step
    stop timestamptz;
    stretch timestamptz; -- of 36 days
    rollup record;
    bucket timestamptz;
    fits boolean;
BEGIN
    FOR owner IN SELECT project FROM usage_projects() AS project LOOP
        fits := true;
        start := coalesce(
            (SELECT s.until FROM usage_settled AS s WHERE s.project = owner),
            usage_first_stretch(owner, '-infinity', over)
        );
        CONTINUE WHEN start IS NULL;
        WHILE start < over LOOP
            IF NOT usage_settling() THEN
                RETURN;
            END IF;
            stop := least(date_bin('864 hours', start, origin) + INTERVAL '864 hours', over);
            -- Where there are no calls there is nothing to make: on to the next ones. Long buckets may end on the way.
            stop := usage_first_stretch(owner, stop, over);
            fits := stop IS NOT NULL;
            FOR rollup IN SELECT * FROM usage_settled_rollup LOOP
                fits := fits AND usage_try_settle_buckets(
                    owner, rollup.name, date_bin(rollup.unit, start, origin), date_bin(rollup.unit, stop, origin)
                );
            END LOOP;
            IF NOT fits THEN
                ROLLBACK;
                EXIT;
            END IF;
            start := stop;
            INSERT INTO usage_settled (project, until) VALUES (owner, start)
            ON CONFLICT (project) DO UPDATE SET until = greatest(usage_settled.until, excluded.until);
            COMMIT;
        END LOOP;

        CONTINUE WHEN EXISTS (
            SELECT FROM usage_unsettled AS u WHERE u.project = owner AND u.since > clock_timestamp() - quiet
        );
        LOOP
            stretch := (
                SELECT date_bin('864 hours', min(u.day), origin) FROM usage_unsettled AS u
                WHERE u.project = owner AND (stretch IS NULL OR u.day >= stretch + INTERVAL '864 hours')
            );
            EXIT WHEN stretch IS NULL;
            IF NOT usage_settling() THEN
                RETURN;
            END IF;
            fits := true;
            FOR rollup IN SELECT * FROM usage_settled_rollup LOOP
                FOR bucket IN
                    SELECT DISTINCT date_bin(rollup.unit, u.day, origin) FROM usage_unsettled AS u
                    WHERE u.project = owner AND u.day >= stretch AND u.day < stretch + INTERVAL '864 hours'
                        AND date_bin(rollup.unit, u.day, origin) + rollup.unit <= start
                LOOP
                    fits := fits AND usage_try_settle_buckets(owner, rollup.name, bucket, bucket + rollup.unit);
                END LOOP;
            END LOOP;
            IF fits THEN
                DELETE FROM usage_unsettled AS u
                WHERE u.project = owner AND u.day >= stretch AND u.day < stretch + INTERVAL '864 hours';
                COMMIT;
            ELSE
                ROLLBACK;
            END IF;
        END LOOP;
    END LOOP;
END $procedure$

-- function usage_settle_buckets
CREATE OR REPLACE FUNCTION usage_settle_buckets(wanted text, rollup text, since timestamp with time zone, until timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
DECLARE
    kept record;
    columns text;
BEGIN
    SELECT * INTO STRICT kept FROM usage_settled_rollup AS v WHERE v.name = rollup;
    columns := (SELECT string_agg('r.' || c, ', ') FROM unnest(kept.columns) AS c);
    EXECUTE format('DELETE FROM %I AS r WHERE r.project = $1 AND r.bucket >= $2 AND r.bucket < $3', rollup)
    USING wanted, since, until;
    EXECUTE format(
        'INSERT INTO %1$I (project, bucket, %2$s, %3$s)
         SELECT r.project, date_bin(%4$L, r.bucket, %5$L) AS bucket, %6$s, %7$s
         FROM %8$I($1, $2, $3) AS r
         GROUP BY r.project, 2, %6$s
         ORDER BY 2',
        rollup,
        array_to_string(kept.columns, ', '),
        (SELECT string_agg(name, ', ' ORDER BY number) FROM usage_measure WHERE type <> 'histogram' OR kept.histograms),
        kept.grain,
        timestamptz '2000-01-01 00:00:00+00',
        columns,
        (SELECT string_agg(
            format(CASE type WHEN 'histogram' THEN 'usage_histogram_sum(r.%I)' ELSE 'sum(r.%I)' END, name),
            ', ' ORDER BY number
         )
         FROM usage_measure WHERE type <> 'histogram' OR kept.histograms),
        kept.base
    ) USING wanted, since, until;
END $function$

-- function usage_settling
CREATE OR REPLACE FUNCTION usage_settling()
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
BEGIN
    FOR attempt IN 1 .. 20 LOOP
        IF pg_try_advisory_xact_lock(1970497394, 4) THEN
            RETURN true;
        END IF;
        PERFORM pg_sleep(0.05);
    END LOOP;
    RETURN false;
END $function$

-- function usage_stale
CREATE OR REPLACE FUNCTION usage_stale()
 RETURNS TABLE(since timestamp with time zone, until timestamp with time zone)
 LANGUAGE sql
 STABLE
AS $function$
    SELECT NULL::timestamptz, NULL::timestamptz WHERE false
$function$

-- function usage_take_back
CREATE OR REPLACE FUNCTION usage_take_back(projects text[], conversations text[], starts timestamp with time zone[], records bigint[], turns bigint[], models text[], left_turn boolean[])
 RETURNS void
 LANGUAGE plpgsql
AS $function$
DECLARE
    since timestamptz;
    known record;
    first timestamptz;
    last timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1970497394, 1);
    since := coalesce((SELECT kept_since FROM usage_retention), '-infinity');

    FOR known IN
        SELECT DISTINCT
            gone.project, gone.conversation, gone.model, t.first_at, t.last_at, t.conversation AS key, t.turn,
            t.model AS model_key
        FROM unnest(projects, conversations, starts, turns, models, left_turn)
            AS gone (project, conversation, started_at, turn, model, left_turn)
        INNER JOIN usage_conversation_turn AS t
            ON t.conversation = usage_conversation_key(gone.project, gone.conversation) AND t.turn = gone.turn
                AND t.model IS NOT DISTINCT FROM usage_hash(gone.model)
        WHERE gone.left_turn AND gone.started_at >= since
        ORDER BY key, t.turn, model_key
    LOOP
        SELECT min(r.started_at), max(r.started_at) INTO first, last
        FROM usage_record AS r
        WHERE r.project = known.project
            AND usage_in_conversation(r.project, r.conversation, known.project, known.conversation)
            AND r.started_at >= greatest(known.first_at, since) AND r.started_at <= known.last_at
            AND usage_turn_key(r.turn, r.trace_id) = known.turn
            AND coalesce(r.response_model, r.request_model) IS NOT DISTINCT FROM known.model;
        IF known.first_at < since THEN
            first := known.first_at;
            last := coalesce(last, first);
        END IF;
        IF first IS NULL THEN
            DELETE FROM usage_conversation_turn AS t
            WHERE t.conversation = known.key AND t.turn = known.turn AND t.model IS NOT DISTINCT FROM known.model_key;
        ELSE
            UPDATE usage_conversation_turn AS t SET first_at = first, last_at = last
            WHERE t.conversation = known.key AND t.turn = known.turn AND t.model IS NOT DISTINCT FROM known.model_key;
        END IF;
    END LOOP;

    -- Only its first and its last call say when a conversation was. Which is that now, the index of its calls knows:
    -- turns may be very many, and are looked through only where all calls that are kept have gone.
    FOR known IN
        SELECT DISTINCT k.project, k.conversation, k.first_at, k.last_at
        FROM unnest(projects, conversations, starts, left_turn) AS gone (project, conversation, started_at, left_turn)
        INNER JOIN usage_conversation AS k
            ON k.project = gone.project AND k.conversation = gone.conversation
                AND gone.started_at IN (k.first_at, k.last_at)
        WHERE gone.left_turn AND gone.started_at >= since
        ORDER BY k.project, k.conversation
    LOOP
        last := (
            SELECT r.started_at FROM usage_record AS r
            WHERE r.project = known.project
                AND usage_in_conversation(r.project, r.conversation, known.project, known.conversation)
                AND r.started_at >= greatest(known.first_at, since) AND r.started_at <= known.last_at
            ORDER BY r.started_at DESC, r.id DESC
            LIMIT 1
        );
        IF known.first_at < since THEN
            first := known.first_at;
            last := coalesce(last, (
                SELECT greatest(max(CASE WHEN t.last_at < since THEN t.last_at ELSE t.first_at END), known.first_at)
                FROM usage_conversation_turn AS t
                WHERE t.conversation = usage_conversation_key(known.project, known.conversation) AND t.first_at < since
            ));
        ELSE
            first := (
                SELECT r.started_at FROM usage_record AS r
                WHERE r.project = known.project
                    AND usage_in_conversation(r.project, r.conversation, known.project, known.conversation)
                    AND r.started_at >= known.first_at AND r.started_at <= last
                ORDER BY r.started_at, r.id
                LIMIT 1
            );
        END IF;
        IF first IS NULL THEN
            DELETE FROM usage_conversation AS k
            WHERE k.project = known.project AND k.conversation = known.conversation;
        ELSE
            UPDATE usage_conversation AS k SET first_at = first, last_at = last
            WHERE k.project = known.project AND k.conversation = known.conversation
                AND (k.first_at, k.last_at) <> (first, last);
        END IF;
    END LOOP;

    PERFORM usage_quote_others(projects, conversations, starts, records, since);
END $function$

-- function usage_text_hash
CREATE OR REPLACE FUNCTION usage_text_hash(project text, said text)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN hashtextextended((((project || ''::text) || said) COLLATE "C"), (0)::bigint)

-- function usage_text_hashes
CREATE OR REPLACE FUNCTION usage_text_hashes(project text, said text[])
 RETURNS bigint[]
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN ARRAY(SELECT usage_text_hash(usage_text_hashes.project, given.one) AS usage_text_hash FROM unnest(usage_text_hashes.said) given(one))

-- function usage_time_class
CREATE OR REPLACE FUNCTION usage_time_class(taken bigint)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
    SELECT CASE WHEN taken <= 1 THEN 0 ELSE ceil(ln(taken::float8) / ln(1.04::float8))::bigint END
$function$

-- function usage_try_settle_buckets
CREATE OR REPLACE FUNCTION usage_try_settle_buckets(wanted text, rollup text, since timestamp with time zone, until timestamp with time zone)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM usage_settle_buckets(wanted, rollup, since, until);
    RETURN true;
EXCEPTION WHEN numeric_value_out_of_range THEN
    RAISE WARNING 'sums of % since % leave their range', rollup, since;
    RETURN false;
END $function$

-- function usage_turn_key
CREATE OR REPLACE FUNCTION usage_turn_key(turn text, trace_id bytea)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN usage_hash(COALESCE(turn, encode(trace_id, 'hex'::text)))

-- function usage_unsettle
CREATE OR REPLACE FUNCTION usage_unsettle()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF EXISTS (SELECT FROM written AS w WHERE w.started_at < clock_timestamp() - INTERVAL '1 hour') THEN
        PERFORM pg_advisory_xact_lock_shared(1970497394, 4);
        INSERT INTO usage_unsettled (project, day)
        SELECT DISTINCT w.project, date_bin('24 hours', w.started_at, '2000-01-01 00:00:00+00')
        FROM written AS w
        INNER JOIN usage_settled AS s ON s.project = w.project AND w.started_at < s.until;
    END IF;
    RETURN NULL;
END $function$

-- function usage_unsettle_deleted
CREATE OR REPLACE FUNCTION usage_unsettle_deleted()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF old.started_at >= clock_timestamp() - INTERVAL '1 hour' THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock_shared(1970497394, 4);
    INSERT INTO usage_unsettled (project, day)
    SELECT s.project, date_bin('24 hours', old.started_at, '2000-01-01 00:00:00+00')
    FROM usage_settled AS s
    WHERE s.project = old.project AND old.started_at < s.until;
    RETURN NULL;
END $function$

-- trigger usage_conversation_delete
CREATE TRIGGER usage_conversation_delete AFTER DELETE ON usage_record FOR EACH ROW WHEN (((old.conversation IS NOT NULL) AND (current_setting('usage_graph.expiring'::text, true) IS DISTINCT FROM 'on'::text))) EXECUTE FUNCTION usage_conversation_removed()

-- trigger usage_conversation_insert
CREATE TRIGGER usage_conversation_insert AFTER INSERT ON usage_record REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION usage_conversation_added()

-- trigger usage_conversation_update
CREATE TRIGGER usage_conversation_update AFTER UPDATE ON usage_record REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION usage_conversation_changed()

-- trigger usage_label_insert
CREATE TRIGGER usage_label_insert AFTER INSERT ON usage_record REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION usage_label_added()

-- trigger usage_label_update
CREATE TRIGGER usage_label_update AFTER UPDATE ON usage_record REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION usage_label_added()

-- trigger usage_record_kept
CREATE TRIGGER usage_record_kept AFTER INSERT ON usage_record REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION usage_record_kept()

-- trigger usage_roll_up_delete
CREATE TRIGGER usage_roll_up_delete AFTER DELETE ON usage_record REFERENCING OLD TABLE AS removed FOR EACH STATEMENT WHEN ((current_setting('usage_graph.expiring'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION usage_roll_up_delete()

-- trigger usage_roll_up_insert
CREATE TRIGGER usage_roll_up_insert AFTER INSERT ON usage_record REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION usage_roll_up_insert()

-- trigger usage_roll_up_update
CREATE TRIGGER usage_roll_up_update AFTER UPDATE ON usage_record REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION usage_roll_up_update()

-- trigger usage_unsettle_delete
CREATE TRIGGER usage_unsettle_delete AFTER DELETE ON usage_record FOR EACH ROW WHEN ((current_setting('usage_graph.expiring'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION usage_unsettle_deleted()

-- trigger usage_unsettle_insert
CREATE TRIGGER usage_unsettle_insert AFTER INSERT ON usage_record REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION usage_unsettle()

-- trigger usage_unsettle_update
CREATE TRIGGER usage_unsettle_update AFTER UPDATE ON usage_record REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION usage_unsettle()
